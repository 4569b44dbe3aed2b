import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import * as z from 'zod';
import type { Archive } from '../../../artifact/archive.ts';
import { KeptArchive } from '../../../artifact/kept-archive.ts';
import { artifactKey } from '../../../artifact/layout.ts';
import { Segment } from '../../../artifact/segments.ts';
import { GitBase } from '../../../git/incremental.ts';
import { anonymousFile } from '../../../git/pack-receiver.ts';
import type { Snapshot } from '../../../git/remote.ts';
import { messageOfError } from '../../../reconcile/errors.ts';
import { cachePrefix } from '../cache.ts';
import { fingerprint, type Question } from '../fetch-once.ts';
import type { Asker } from '../fetch-once-turn.ts';
import { withDirectory } from '../stored-file.ts';

/** A commit that the server sent in less than this is fetched whole the next time, too: reading a base would cost more. */
const worthwhileBytes = 2 * 2 ** 20;
/** The artifact is copied into /tmp: a larger one would not fit beside what is unpacked and made of it. */
const mostBytes = 704 * 2 ** 20;
/** What is kept of more files would not fit into memory beside the rest. */
const mostFiles = 300_000;

/**
 * What a base begins with, as one line of JSON; then the segments of the artifact, and the commit's trees and small files.
 * The version grows with what is kept, and with the bytes that archive.ts and gzip.ts of shared/artifact write: an archive has
 * them of one kind.
 */
const Head = z.object({
  version: z.literal(2),
  /** The commit. */
  commit: z.string(),
  /** The artifact that was made of it, which has the contents of its files. */
  digest: z.string(),
  /** How many follow. */
  segments: z.number(),
});

/** A commit that was fetched earlier. */
export interface KeptCommit {
  /** What the server need not send. */
  objects: GitBase;
  /** What need not be compressed anew. */
  archive: KeptArchive;
  close(): void;
}

/** By which URL, credentials and rules the artifact was made: only who has the same may build upon it. */
export type Origin = Omit<Question, 'revision'>;

async function keyOf(work: Asker, { kind, url, shape = {}, credentials }: Origin): Promise<string> {
  const id = await fingerprint(work, 'bases', { kind, url, shape, credentials });
  return `${cachePrefix}bases/${id}.gz`;
}

/**
 * What is kept of the last commit that was fetched, to be closed by the caller; undefined when there is none, when it is the
 * commit that is wanted now (then it was lost for a reason), or when it is damaged, which the log tells.
 */
export async function openBase(work: Asker, origin: Origin, wanted: string): Promise<KeptCommit | undefined> {
  const streams: Readable[] = [];
  let archive: KeptArchive | undefined;
  try {
    const found = await work.ports.store.get(await keyOf(work, origin));
    if (!found) return undefined;
    streams.push(found.body);
    const gunzip = createGunzip();
    found.body.once('error', error => gunzip.destroy(error));
    const records = new Records(found.body.pipe(gunzip));
    const head = Head.parse(JSON.parse((await records.line()) ?? ''));
    if (head.commit === wanted) return undefined;
    const segments: Segment[] = [];
    while (segments.length < head.segments) segments.push(await segmentOf(records));
    const artifact = await work.ports.store.get(artifactKey(head.digest));
    if (!artifact) throw new Error('its artifact is gone');
    streams.push(artifact.body);
    archive = await KeptArchive.receive(await anonymousFile(), artifact.body, head.digest, segments);
    return await keptCommit(head.commit, archive, records);
  } catch (error) {
    archive?.close();
    work.log.info('what was kept of the last commit is of no use: fetching all of it', {
      error: messageOfError(error),
    });
    return undefined;
  } finally {
    for (const stream of streams) stream.destroy();
  }
}

async function segmentOf(records: Records): Promise<Segment> {
  const digits = /^segment (\d{1,10})$/.exec((await records.line()) ?? '')?.[1];
  if (!digits) throw new Error('a segment of it cannot be read');
  return Segment.parse(JSON.parse((await records.bytes(Number(digits))).toString()));
}

async function keptCommit(commit: string, archive: KeptArchive, records: Records): Promise<KeptCommit> {
  const objects = await GitBase.open(commit, archive);
  try {
    for (let line = await records.line(); line !== undefined; line = await records.line()) {
      const [, type, digits] = /^(tree|blob) (\d{1,10})$/.exec(line) ?? [];
      if (!digits) throw new Error('a line of it cannot be read');
      await objects.add(type as 'tree' | 'blob', await records.bytes(Number(digits)));
    }
    await objects.finish();
  } catch (error) {
    objects.close();
    throw error;
  }
  return {
    objects,
    archive,
    close() {
      objects.close();
      archive.close();
    },
  };
}

/**
 * Keeps what the next fetch needs to be an incremental one: not for a small commit, nor for one that is too large. `archive`:
 * the artifact, which is in the store. What goes wrong is told to the log alone: the fetch itself went well.
 */
export async function keepBase(work: Asker, origin: Origin, snapshot: Snapshot, archive: Archive): Promise<void> {
  const { digest, size, segments } = archive;
  if (size > mostBytes || segments.reduce((sum, { contents }) => sum + contents.length, 0) > mostFiles) return;
  try {
    await withDirectory(async dir => {
      const file = join(dir, 'base.gz');
      const head = { version: 2, commit: snapshot.commit.oid, digest, segments: segments.length } as const;
      const records = Readable.from(recordsOf(head, segments, snapshot));
      await pipeline(records, createGzip(), createWriteStream(file));
      await work.ports.store.put(await keyOf(work, origin), { file }, { contentType: 'application/gzip' });
    });
  } catch (error) {
    work.log.warn('the next fetch will not be an incremental one', { error: messageOfError(error) });
  }
}

/** Whether {@link keepBase} pays. `incremental`: this commit was fetched on a base itself, and is small for that. */
export function worthKeeping(snapshot: Snapshot, incremental: boolean): boolean {
  return incremental || snapshot.packBytes >= worthwhileBytes;
}

async function* recordsOf(head: z.infer<typeof Head>, segments: Segment[], snapshot: Snapshot): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(head)}\n`);
  for (const segment of segments) {
    const json = Buffer.from(JSON.stringify(segment));
    yield Buffer.concat([Buffer.from(`segment ${json.length}\n`), json]);
  }
  for await (const { type, data } of snapshot.skeleton()) {
    yield Buffer.from(`${type} ${data.length}\n`);
    yield data;
  }
}

/** Lines, and bytes that follow them. */
class Records {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: Readable) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Without its end; undefined when there are no more. */
  async line(): Promise<string | undefined> {
    let end = this.#buffer.indexOf(10);
    for (; end < 0; end = this.#buffer.indexOf(10)) {
      if (this.#buffer.length > 1000) throw new Error('a line of it is too long');
      if (!(await this.#more())) {
        if (this.#buffer.length > 0) throw new Error('it is cut off');
        return undefined;
      }
    }
    const line = this.#buffer.toString('utf8', 0, end);
    this.#buffer = this.#buffer.subarray(end + 1);
    return line;
  }

  async bytes(count: number): Promise<Buffer> {
    const parts = [this.#buffer];
    let length = this.#buffer.length;
    while (length < count) {
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error('it is cut off');
      parts.push(value);
      length += value.length;
    }
    const all = Buffer.concat(parts);
    this.#buffer = all.subarray(count);
    return all.subarray(0, count);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#buffer = Buffer.concat([this.#buffer, value]);
    return true;
  }
}
