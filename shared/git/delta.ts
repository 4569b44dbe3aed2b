import { GitError } from './errors.ts';

/**
 * Rebuilds an object from its base and a delta: two sizes, then instructions to copy a range of the base or to insert
 * bytes that follow (gitformat-pack, "Deltified representation"). Every length is checked before it is used.
 */
export function applyDelta(base: Buffer, delta: Buffer, limit: number): Buffer {
  const sizes = deltaSizes(delta);
  if (sizes.base !== base.length) throw corrupt(`its base has ${base.length} bytes, ${sizes.base} are expected`);
  if (sizes.result > limit)
    throw new GitError('TooLarge', `an object of ${sizes.result} bytes exceeds the limit of ${limit} bytes`);
  const result = Buffer.allocUnsafe(sizes.result);
  let position = sizes.length;
  let written = 0;
  while (position < delta.length) {
    const instruction = delta[position++]!;
    if (instruction & 0x80) {
      let offset = 0;
      let size = 0;
      if (instruction & 0x01) offset = delta[position++]!;
      if (instruction & 0x02) offset |= delta[position++]! << 8;
      if (instruction & 0x04) offset |= delta[position++]! << 16;
      if (instruction & 0x08) offset += delta[position++]! * 0x1000000;
      if (instruction & 0x10) size = delta[position++]!;
      if (instruction & 0x20) size |= delta[position++]! << 8;
      if (instruction & 0x40) size |= delta[position++]! << 16;
      if (size === 0) size = 0x10000;
      if (position > delta.length || offset + size > base.length || written + size > result.length)
        throw corrupt('it copies from outside its base');
      base.copy(result, written, offset, offset + size);
      written += size;
    } else if (instruction > 0) {
      if (position + instruction > delta.length || written + instruction > result.length)
        throw corrupt('it inserts more than it holds');
      delta.copy(result, written, position, position + instruction);
      position += instruction;
      written += instruction;
    } else throw corrupt('it holds an unknown instruction');
  }
  if (written !== result.length) throw corrupt(`it makes ${written} bytes of ${result.length}`);
  return result;
}

/** The sizes at the beginning of a delta; `length` is how many bytes they take. */
export function deltaSizes(delta: Buffer): { base: number; result: number; length: number } {
  let position = 0;
  const read = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = delta[position++];
      if (byte === undefined || scale > 2 ** 49) throw corrupt('its sizes cannot be read');
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return value;
    }
  };
  const base = read();
  const result = read();
  return { base, result, length: position };
}

function corrupt(why: string): GitError {
  return new GitError('Corrupt', `a delta of the pack cannot be applied: ${why}`);
}
