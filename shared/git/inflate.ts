import zlib from 'node:zlib';
import { GitError } from './errors.ts';

/** Inflated bytes, and how many bytes of the input they took. */
export interface Inflated {
  data: Buffer;
  consumed: number;
}

/**
 * Inflates one zlib stream at the start of `input`, which may go on after it. undefined when the stream goes beyond the
 * input. The stream must hold exactly `size` bytes. (`info` is zlib's documented way to learn how much was consumed;
 * a call costs a few microseconds, far less than a stream object each.)
 */
export function inflateStart(input: Buffer, size: number): Inflated | undefined {
  try {
    const options = { info: true, maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) };
    const { buffer, engine } = zlib.inflateSync(input, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (buffer.length !== size) throw wrongSize(size, buffer.length);
    return { data: buffer, consumed: engine.bytesWritten };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'Z_BUF_ERROR') return undefined;
    throw error instanceof GitError ? error : inflateError(error, size);
  }
}

/**
 * Inflates a stream of unknown compressed length as its bytes come in, for objects too large for one piece. `read`
 * answers the next input; `onData` gets the output. Answers how much of the last input was not part of the stream.
 */
export async function inflateStream(
  read: () => Promise<Buffer | undefined>,
  size: number,
  onData: (data: Buffer) => void,
): Promise<{ unused: number }> {
  const inflate = zlib.createInflate();
  let fed = 0;
  let out = 0;
  let failure: Error | undefined;
  inflate.on('data', (data: Buffer) => {
    out += data.length;
    if (out > size) failure ??= wrongSize(size, out);
    else onData(data);
  });
  const ended = new Promise<void>(resolve => inflate.once('close', resolve).once('end', resolve));
  inflate.on('error', error => {
    failure ??= inflateError(error, size);
  });
  try {
    while (inflate.bytesWritten === fed) {
      const input = await read();
      if (!input) throw new GitError('Corrupt', 'the pack ends in the middle of an object');
      fed += input.length;
      await new Promise<void>(resolve => inflate.write(input, () => resolve()));
      if (failure) throw failure;
    }
    await ended;
    if (out !== size) throw wrongSize(size, out);
    return { unused: fed - inflate.bytesWritten };
  } finally {
    inflate.destroy();
  }
}

function wrongSize(expected: number, actual: number): GitError {
  return new GitError('Corrupt', `an object of the pack has ${actual} bytes where its header says ${expected}`);
}

function inflateError(cause: unknown, size: number): GitError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') return wrongSize(size, size + 1);
  return new GitError(
    'Corrupt',
    `an object of the pack does not inflate: ${cause instanceof Error ? cause.message : cause}`,
    {
      cause,
    },
  );
}
