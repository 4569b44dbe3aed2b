/**
 * An archive is written in segments: runs of files whose compressed bytes depend on nothing but them (gzip.ts). Where one
 * begins is told by the paths and sizes of the files alone, so that a change of one file changes one segment, and the others
 * can be taken from an archive that was made earlier instead of being read, compressed and unpacked again.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import * as z from 'zod';

/** A file of at least so many bytes is a segment of its own. */
const largeSize = 32 * 1024;
/** Of smaller ones, every so manyth on the average begins one: enough for the compressor to find repetitions in. */
const filesPerSegment = 64;

/** A segment of an archive that is there, without what it was made of. */
export const Segment = z.object({
  /** {@link segmentKey} of its files. */
  key: z.string(),
  /** Bytes of it in the file, from `offset` on. */
  offset: z.number(),
  length: z.number(),
  /** Bytes that it unpacks to, and their CRC-32. */
  size: z.number(),
  crc: z.number(),
  /** The contents in it: which, and where they lie in what it unpacks to. */
  contents: z.array(z.object({ oid: z.string(), at: z.number(), size: z.number() })),
});

export type Segment = z.infer<typeof Segment>;

/** A file of a segment: what its bytes in the archive are made of, with the directories that it is the first in. */
export interface SegmentFile {
  path: string;
  mode: string;
  size: number;
  /** See ArchiveEntry. */
  oid?: string | undefined;
  directories: string[];
}

/** Whether a segment ends between two files that follow each other. */
export function segmentEnds(before: { size: number }, next: { path: string; size: number }): boolean {
  return before.size >= largeSize || next.size >= largeSize || crc32(next.path) % filesPerSegment === 0;
}

/** What names the bytes of a segment; undefined when a file's content has no name. */
export function segmentKey(files: readonly SegmentFile[]): string | undefined {
  if (files.some(file => file.oid === undefined)) return undefined;
  const facts = files.map(({ path, mode, size, oid, directories }) => [path, mode, size, oid, directories]);
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
