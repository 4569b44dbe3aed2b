import type { Readable } from 'node:stream';

/** Largest single event: etcd holds 1.5 MiB, custom servers more. */
const maxLineBytes = 64 * 1024 * 1024;

/**
 * JSON documents, one a line, from a stream whose chunks end anywhere: inside a line, inside a character. Chunks of an
 * unfinished line are kept as they came and joined once, so that a large object costs no quadratic copying.
 */
export async function* jsonLines(body: Readable): AsyncGenerator<unknown> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const tail = chunk.subarray(start, end);
      const line = pending.length === 0 ? tail : Buffer.concat([...pending, tail]);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.length > 0) yield JSON.parse(line.toString('utf8'));
    }
    if (start < chunk.length) {
      pending.push(chunk.subarray(start));
      pendingBytes += chunk.length - start;
      if (pendingBytes > maxLineBytes) throw new Error(`an event is larger than ${maxLineBytes / 1024 / 1024} MiB`);
    }
  }
  // A last line without its newline is a broken connection, not an event: it may be cut anywhere.
}
