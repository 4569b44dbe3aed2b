/** Archives as others make them, well-behaved and otherwise. */
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import tar, { type Header } from 'tar-stream';

/** A tar.gz of files (path → text), in this order, and of entries of any kind. */
export async function tarGz(files: Record<string, string>, ...entries: Partial<Header>[]): Promise<Buffer> {
  return gzipSync(await tarOf(files, ...entries));
}

export async function tarOf(files: Record<string, string>, ...entries: Partial<Header>[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, text] of Object.entries(files)) pack.entry({ name }, text);
  for (const entry of entries) {
    // Without contents a file would be waited for.
    const header = { name: 'x', ...entry };
    if (entry.type) pack.entry(header);
    else pack.entry(header, '');
  }
  pack.finalize();
  return buffer(pack as unknown as NodeJS.ReadableStream);
}

/** Media types of what `flux push artifact` makes. */
export const fluxConfig = 'application/vnd.cncf.flux.config.v1+json';
export const fluxContent = 'application/vnd.cncf.flux.content.v1.tar+gzip';
