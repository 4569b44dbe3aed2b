/**
 * The CRC-32 of two pieces, one after the other, from the CRC-32 of each, as gzip wants it (RFC 1952, section 8): the CRC is the
 * remainder of a polynomial over GF(2), hence that of the first piece times x to the power of the second piece's bits, plus
 * that of the second. Bits stand in reverse, the highest power in the lowest bit.
 */
const polynomial = 0xedb88320;
const one = 0x80000000;

/** x to the powers of 1, 2, 4, 8, … */
const powers: number[] = [one >>> 1];
for (let index = 1; index < 64; index++) powers.push(multiply(powers[index - 1]!, powers[index - 1]!));

/** `size`: bytes of the second piece. */
export function combineCrc32(first: number, second: number, size: number): number {
  let factor = one;
  for (let bytes = size, index = 3; bytes > 0; bytes = Math.floor(bytes / 2), index++)
    if (bytes % 2 === 1) factor = multiply(factor, powers[index]!);
  return (multiply(first, factor) ^ second) >>> 0;
}

function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}
