import { type FileHandle, open } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { AwsError } from './aws-error.ts';
import { s3Error } from './s3-errors.ts';

/** What is to be uploaded, of which any part can be read again for another try. */
export interface Body {
  /** Bytes. */
  size: number;
  /** The bytes from `start` to `end` (exclusive). */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Opens bytes, or a local file. */
export async function openBody(body: Uint8Array | { file: string }): Promise<Body> {
  if (body instanceof Uint8Array)
    return { size: body.byteLength, read: async (start, end) => body.subarray(start, end), close: async () => {} };
  const file = await open(body.file, 'r');
  try {
    const { size } = await file.stat();
    return { size, read: (start, end) => readExactly(file, body.file, start, end), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file that got shorter meanwhile is an error, and no shorter object. */
async function readExactly(file: FileHandle, path: string, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(end - start);
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error(`${path} got shorter while it was uploaded, to ${start + filled} bytes`);
    filled += bytesRead;
  }
  return bytes;
}

/**
 * The body of an answer, as a stream that ends only when all of it has come; one that is cut, or stalls, is an error. Destroying
 * it closes the connection.
 */
export function wholeBody(source: Readable, size: number, doing: string): Readable {
  let came = 0;
  const cut = () =>
    new AwsError(
      'Unreachable',
      `AWS could not be asked to ${doing}: the answer ended after ${came} of ${size} bytes; try again`,
    );
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      came += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      done(came === size ? null : cut());
    },
  });
  source.once('error', error => body.destroy(s3Error(error, doing)));
  source.once('close', () => {
    if (!source.readableEnded) body.destroy(cut());
  });
  body.once('close', () => source.destroy());
  // Nobody may be reading yet, or any more, when the connection fails: whoever reads later is told then.
  body.on('error', () => undefined);
  return source.pipe(body);
}
