import { Readable } from 'node:stream';
import type { HttpAnswer } from '../network/http.ts';
import type { Connection } from './connection.ts';
import type { Descriptor } from './descriptor.ts';
import { DigestCheck } from './digest.ts';
import { OciError, ociError } from './errors.ts';
import { tries } from './retry.ts';

/**
 * The bytes of a blob, checked as they pass: the size all along, the digest at the end. A connection that breaks before the
 * end is taken up where it broke, a few times. The first answer is awaited, so that what is not there is said at once.
 */
export async function openBlob(connection: Connection, descriptor: Descriptor): Promise<Readable> {
  const first = await ask(connection, descriptor, 0);
  const stream = Readable.from(checked(connection, descriptor, first), { objectMode: false });
  // A stream that is destroyed before it was read never gets to the generator's end.
  stream.once('close', () => first.body.destroy());
  return stream;
}

async function* checked(connection: Connection, descriptor: Descriptor, first: HttpAnswer): AsyncGenerator<Buffer> {
  const what = `${connection.name.host}/${connection.name.repository}: blob ${descriptor.digest}`;
  const check = new DigestCheck(descriptor.digest);
  let answer = first;
  for (let attempt = 1; ; attempt++) {
    const broken = yield* pass(answer, check, descriptor, what);
    if (check.bytes === descriptor.size) break;
    if (attempt === tries)
      throw (
        broken ??
        new OciError('Unreachable', `${what} ends after ${check.bytes} of ${descriptor.size} bytes, ${tries} times`)
      );
    answer = await ask(connection, descriptor, check.bytes);
  }
  check.verify(what);
}

/** Hands on what an answer holds beyond what came already; returns the error that ended it early, if one did. */
async function* pass(
  answer: HttpAnswer,
  check: DigestCheck,
  { size }: Descriptor,
  what: string,
): AsyncGenerator<Buffer, unknown> {
  // A server that does not know ranges begins anew.
  let known = answer.status === 206 ? 0 : check.bytes;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      const fresh = known >= chunk.length ? undefined : chunk.subarray(known);
      known = Math.max(0, known - chunk.length);
      if (!fresh) continue;
      if (check.bytes + fresh.length > size)
        throw new OciError('DigestMismatch', `${what} is larger than the ${size} bytes that its manifest names`);
      check.update(fresh);
      yield fresh;
    }
  } catch (error) {
    const told = ociError(error);
    if (told instanceof OciError && told.code === 'Unreachable') return told;
    throw told;
  }
  return undefined;
}

async function ask(connection: Connection, descriptor: Descriptor, from: number): Promise<HttpAnswer> {
  const what = `blob ${descriptor.digest} of ${connection.name.host}/${connection.name.repository}`;
  const headers: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-` };
  const answer = await connection.send({ path: `blobs/${descriptor.digest}`, headers, what });
  const range = /^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1];
  if (answer.status === 206 && Number(range) !== from) {
    answer.body.destroy();
    throw new OciError('NotRegistry', `${what}: the registry answers another range than the one asked for`);
  }
  return answer;
}
