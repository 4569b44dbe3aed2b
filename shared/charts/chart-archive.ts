import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import tar from 'tar-stream';
import { writeArchive } from '../artifact/archive.ts';
import type { ChartFiles } from './chart-file.ts';
import { ChartError } from './errors.ts';
import { maxChartFileSize, maxChartFiles, maxChartSize, maxUnpackedSize } from './limits.ts';

/**
 * The files of a packaged chart, without the directory that all of them are in. With `only`, the others are checked but
 * not kept. Links, devices, paths that leave the chart and archives that unpack to too much are refused, whatever is kept.
 * Throws ChartError InvalidChart or TooLarge.
 */
export async function readChartArchive(bytes: Buffer, only?: (path: string) => boolean): Promise<ChartFiles> {
  if (bytes.length > maxChartSize)
    throw new ChartError('TooLarge', `size of the chart exceeds '${maxChartSize}' bytes limit`);
  const files: ChartFiles = new Map();
  const unpack = tar.extract();
  const gunzip = zlib.createGunzip();
  let unpacked = 0;
  gunzip.on('data', (chunk: Buffer) => {
    unpacked += chunk.length;
    if (unpacked > maxUnpackedSize + 2 ** 20)
      gunzip.destroy(new ChartError('TooLarge', `the chart unpacks to more than ${maxUnpackedSize} bytes`));
  });
  const fed = pipeline(Readable.from([bytes]), gunzip, unpack as unknown as NodeJS.WritableStream);
  fed.catch(() => {});
  try {
    let count = 0;
    for await (const entry of unpack) {
      const { header } = entry;
      if (header.type !== 'directory') {
        if (++count > maxChartFiles)
          throw new ChartError('TooLarge', `the chart holds more than ${maxChartFiles} files`);
        const path = pathOf(header);
        const content = !only || only(path) ? await contentOf(entry as unknown as AsyncIterable<Buffer>) : undefined;
        // As with Helm, of two files with one name the later counts.
        if (content) files.set(path, content);
      }
      entry.resume();
    }
    await fed;
  } catch (error) {
    gunzip.destroy();
    if (error instanceof ChartError) throw error;
    const cause = await fed.then(
      () => error,
      failure => failure,
    );
    if (cause instanceof ChartError) throw cause;
    throw new ChartError('InvalidChart', `the chart's archive cannot be read: ${(cause as Error).message}`, { cause });
  }
  return files;
}

/** The path within the chart. Throws ChartError. */
function pathOf({ name, type, size = 0 }: tar.Header): string {
  const shown = JSON.stringify(name.slice(0, 200));
  if (type !== 'file' && type !== 'contiguous-file')
    throw new ChartError('InvalidChart', `the chart's archive holds a ${type ?? 'thing of an unknown type'}: ${shown}`);
  if (size > maxChartFileSize)
    throw new ChartError('TooLarge', `size of ${shown} exceeds '${maxChartFileSize}' bytes limit`);
  // Made on Windows.
  const names = name.split(name.includes('\\') ? '\\' : '/');
  const path = names.slice(1).join('/');
  if (names[0] === '' || path.startsWith('/')) throw illegal('absolute paths', shown);
  if (names.includes('..')) throw illegal('paths that lead out of it', shown);
  const clean = path
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/');
  if (clean === '') throw illegal('content outside the base directory', shown);
  if (clean.includes('\0') || /^[A-Za-z]:\//.test(clean)) throw illegal('illegally named files', shown);
  return clean;
}

function illegal(what: string, shown: string): ChartError {
  return new ChartError('InvalidChart', `the chart illegally contains ${what}: ${shown}`);
}

async function contentOf(entry: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of entry) parts.push(part);
  return Buffer.concat(parts);
}

/** Writes a chart as a deterministic .tgz: the same files make the same bytes everywhere. Throws ArtifactError. */
export async function writeChartArchive(name: string, files: ChartFiles, file: string): Promise<void> {
  const paths = [...files.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  async function* entries() {
    for (const path of paths) {
      const content = files.get(path)!;
      yield { path: `${name}/${path}`, mode: 'file' as const, size: content.length, read: async () => content };
    }
  }
  await writeArchive(entries(), file);
}
