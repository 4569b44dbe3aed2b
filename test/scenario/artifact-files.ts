import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';

/** The files of an artifact, fetched from the address that the object's status gives, and verified. */
export async function artifactFiles(artifact: { url: string; digest: string }): Promise<Record<string, string>> {
  const response = await fetch(artifact.url);
  assert.equal(response.status, 200, `${artifact.url}: ${response.status === 200 ? '' : await response.text()}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, artifact.digest);
  const extract = tar.extract();
  Readable.from([bytes])
    .pipe(createGunzip())
    .pipe(extract as unknown as NodeJS.WritableStream);
  const files: Record<string, string> = {};
  for await (const entry of extract) {
    const content = await text(entry as unknown as Readable);
    if (entry.header.type === 'file') files[entry.header.name] = content;
  }
  return files;
}
