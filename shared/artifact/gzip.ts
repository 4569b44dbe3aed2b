import zlib from 'node:zlib';
import { combineCrc32 } from './crc32.ts';
import { buildCodes, type Codes, codeLengthOrder, runLengths } from './huffman.ts';

/**
 * gzip with the same bytes on every machine. zlib does not promise that: its output depends on its version, and the one
 * in Node on the processor too (its hash uses what CRC instructions there are). An artifact's digest is over the
 * compressed file, so the compressor is part of the format: this one is written out here, works on integers only, cuts
 * its blocks by input position, and so depends on nothing but the input. A change to what it writes changes the digest
 * of every artifact; gzip.test.ts pins it. What was kept for later archives has to be given up with it
 * (shared/controllers/source/git/incremental-base.ts).
 *
 * LZ77 with one hash probe and one step of lazy matching, Huffman codes per block: about zlib's level 1 to 3, and fast
 * on data that does not compress, which is stored.
 *
 * What lies between two cuts depends on nothing before or after it, and begins and ends with a whole byte: its compressed
 * bytes can be taken over into another file, or be inflated alone.
 */

const windowSize = 32768;
const blockSize = 131072;
const minMatch = 4;
const maxMatch = 258;
const hashBits = 15;

/** Of bytes before they are compressed: CRC-32, and how many. */
export interface Checksum {
  crc: number;
  size: number;
}

export class DeterministicGzip {
  readonly #emit: (bytes: Buffer) => void;
  /** The last 32 KiB before the block, then the block. */
  readonly #data = new Uint8Array(windowSize + blockSize);
  readonly #heads = new Int32Array(1 << hashBits).fill(-1);
  readonly #tokens = new Uint32Array(blockSize);
  #filled = 0;
  #history = 0;
  /** Of what was written up to the last cut, and since. */
  #whole: Checksum = { crc: 0, size: 0 };
  #piece: Checksum = { crc: 0, size: 0 };
  readonly #bits = new BitWriter();

  /** `emit` is given bytes that are of use until it returns. */
  constructor(emit: (bytes: Buffer) => void) {
    this.#emit = emit;
    // No file name, no time, no operating system.
    emit(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]));
  }

  write(bytes: Uint8Array): void {
    this.#piece = { crc: zlib.crc32(bytes, this.#piece.crc), size: this.#piece.size + bytes.length };
    for (let taken = 0; taken < bytes.length; ) {
      // Full only when more is to come, so that the last block is never empty unless all is.
      if (this.#filled === blockSize) this.#block(false);
      const count = Math.min(blockSize - this.#filled, bytes.length - taken);
      this.#data.set(bytes.subarray(taken, taken + count), windowSize + this.#filled);
      this.#filled += count;
      taken += count;
    }
  }

  /** Bytes that were written since the last cut. */
  get sinceCut(): number {
    return this.#piece.size;
  }

  /** Ends what was written since the last cut, and tells of it: nothing that follows refers to it. */
  cut(): Checksum {
    const piece = this.#piece;
    if (piece.size === 0) return piece;
    this.#block(false);
    // An empty block that is stored leads to the next whole byte.
    if (!this.#bits.aligned) writeStored(this.#bits, this.#data.subarray(0, 0), false);
    this.#flush();
    this.#history = 0;
    this.#heads.fill(-1);
    this.account(piece);
    this.#piece = { crc: 0, size: 0 };
    return piece;
  }

  /** Takes over compressed bytes that lay between two cuts, of this compressor's own making: after a cut, and accounted for after. */
  copy(compressed: Buffer): void {
    this.#emit(compressed);
  }

  /** Of bytes that were copied, what they unpack to. */
  account({ crc, size }: Checksum): void {
    this.#whole = { crc: combineCrc32(this.#whole.crc, crc, size), size: this.#whole.size + size };
  }

  end(): void {
    this.#block(true);
    this.#bits.align();
    this.#flush();
    this.account(this.#piece);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#whole.crc >>> 0, 0);
    trailer.writeUInt32LE(this.#whole.size % 2 ** 32, 4);
    this.#emit(trailer);
  }

  #block(last: boolean): void {
    const count = this.#findMatches();
    writeBlock(
      this.#bits,
      this.#tokens.subarray(0, count),
      this.#data.subarray(windowSize, windowSize + this.#filled),
      last,
    );
    this.#flush();
    const full = this.#filled === blockSize;
    this.#filled = 0;
    // One that is not full is the last, or stands before a cut.
    if (!full) return;
    // Its end becomes the window of the next.
    this.#data.copyWithin(0, blockSize, blockSize + windowSize);
    this.#history = windowSize;
    for (let slot = 0; slot < this.#heads.length; slot++) {
      const head = this.#heads[slot]! - blockSize;
      this.#heads[slot] = head < 0 ? -1 : head;
    }
  }

  #flush(): void {
    const bytes = this.#bits.take();
    if (bytes.length > 0) this.#emit(bytes);
  }

  /** Fills the tokens: a literal is its byte, a match `length << 15 | distance - 1`. Answers how many. */
  #findMatches(): number {
    const data = this.#data;
    const tokens = this.#tokens;
    const end = windowSize + this.#filled;
    const lowest = windowSize - this.#history;
    const hashEnd = end - minMatch;
    let count = 0;
    let at = windowSize;
    let misses = 0;
    while (at < end) {
      let length = 0;
      let distance = 0;
      if (at <= hashEnd) {
        const candidate = this.#probe(at);
        length = candidate < lowest ? 0 : this.#matchLength(candidate, at, end);
        distance = at - candidate;
        if (length >= minMatch && length < 32 && at < hashEnd) {
          const later = this.#probe(at + 1);
          const better = later < lowest ? 0 : this.#matchLength(later, at + 1, end);
          if (better > length) {
            tokens[count++] = data[at++]!;
            length = better;
            distance = at - later;
          }
        }
      }
      if (length >= minMatch) {
        tokens[count++] = (length << 15) | (distance - 1);
        const next = at + length;
        if (next - 1 <= hashEnd) this.#probe(next - 1);
        at = next;
        misses = 0;
        continue;
      }
      // The longer nothing matched, the fewer positions are tried: data that does not compress goes by fast.
      const step = Math.min(1 + (misses++ >> 6), end - at);
      for (let literal = 0; literal < step; literal++) tokens[count++] = data[at++]!;
    }
    return count;
  }

  /** The last position whose four bytes had this hash, and notes the new one. */
  #probe(at: number): number {
    const data = this.#data;
    const word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - hashBits);
    const candidate = this.#heads[slot]!;
    this.#heads[slot] = at;
    return at - candidate > windowSize ? -1 : candidate;
  }

  #matchLength(candidate: number, at: number, end: number): number {
    const data = this.#data;
    const most = Math.min(maxMatch, end - at);
    let length = 0;
    while (length < most && data[candidate + length] === data[at + length]) length++;
    return length;
  }
}

/** Length and distance codes of RFC 1951, section 3.2.5. */
const lengthCodes = new Uint8Array(maxMatch + 1);
const lengthBase = new Uint16Array(29);
const lengthExtra = new Uint8Array(29);
const distanceBase = new Uint16Array(30);
const distanceExtra = new Uint8Array(30);
const distanceCodes = new Uint8Array(windowSize + 1);
fillTables();

function fillTables(): void {
  for (let code = 0, base = 3; code < 28; code++) {
    lengthExtra[code] = code < 8 ? 0 : (code >> 2) - 1;
    lengthBase[code] = base;
    for (let length = base; length < base + (1 << lengthExtra[code]!); length++)
      if (length < maxMatch) lengthCodes[length] = code;
    base += 1 << lengthExtra[code]!;
  }
  lengthBase[28] = maxMatch;
  lengthCodes[maxMatch] = 28;
  for (let code = 0, base = 1; code < 30; code++) {
    distanceExtra[code] = code < 4 ? 0 : (code >> 1) - 1;
    distanceBase[code] = base;
    for (let distance = base; distance < base + (1 << distanceExtra[code]!); distance++) distanceCodes[distance] = code;
    base += 1 << distanceExtra[code]!;
  }
}

/** What is saved of a block must be more than a part in so many, or it is stored: neither side has to decode it then. */
const worthwhile = 64;

/** Writes a block by Huffman codes of its own, or stored where that is not much longer. */
function writeBlock(out: BitWriter, tokens: Uint32Array, data: Uint8Array, last: boolean): void {
  const symbols = new Uint32Array(286);
  const distances = new Uint32Array(30);
  symbols[256] = 1;
  let extraBits = 0;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token < 256) {
      symbols[token]!++;
      continue;
    }
    const lengthCode = lengthCodes[token >>> 15]!;
    const distanceCode = distanceCodes[(token & 0x7fff) + 1]!;
    symbols[257 + lengthCode]!++;
    distances[distanceCode]!++;
    extraBits += lengthExtra[lengthCode]! + distanceExtra[distanceCode]!;
  }
  const symbolCodes = buildCodes(symbols, 15);
  const distanceCodesOf = buildCodes(distances, 15);
  const header = blockHeader(symbolCodes, distanceCodesOf);
  const bits = header.bits + extraBits + cost(symbols, symbolCodes) + cost(distances, distanceCodesOf);
  const stored = data.length + 5 * Math.ceil(data.length / 65535);
  if (bits / 8 >= stored - stored / worthwhile) {
    writeStored(out, data, last);
    return;
  }
  out.put(last ? 1 : 0, 1);
  out.put(2, 2);
  header.write(out);
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token < 256) {
      out.put(symbolCodes.codes[token]!, symbolCodes.lengths[token]!);
      continue;
    }
    const length = token >>> 15;
    const distance = (token & 0x7fff) + 1;
    const lengthCode = lengthCodes[length]!;
    const distanceCode = distanceCodes[distance]!;
    out.put(symbolCodes.codes[257 + lengthCode]!, symbolCodes.lengths[257 + lengthCode]!);
    out.put(length - lengthBase[lengthCode]!, lengthExtra[lengthCode]!);
    out.put(distanceCodesOf.codes[distanceCode]!, distanceCodesOf.lengths[distanceCode]!);
    out.put(distance - distanceBase[distanceCode]!, distanceExtra[distanceCode]!);
  }
  out.put(symbolCodes.codes[256]!, symbolCodes.lengths[256]!);
}

function cost(counts: Uint32Array, { lengths }: Codes): number {
  return counts.reduce((bits, count, symbol) => bits + count * lengths[symbol]!, 0);
}

function writeStored(out: BitWriter, data: Uint8Array, last: boolean): void {
  let start = 0;
  do {
    const part = data.subarray(start, start + 65535);
    start += part.length;
    out.put(last && start === data.length ? 1 : 0, 1);
    out.put(0, 2);
    out.align();
    out.put(part.length, 16);
    out.put(~part.length & 0xffff, 16);
    out.bytes(part);
  } while (start < data.length);
}

/** The code lengths at the head of a block, themselves run-length and Huffman coded (RFC 1951, section 3.2.7). */
function blockHeader(symbols: Codes, distances: Codes): { bits: number; write(out: BitWriter): void } {
  const symbolCount = Math.max(257, used(symbols.lengths));
  const distanceCount = Math.max(1, used(distances.lengths));
  const lengths = new Uint8Array(symbolCount + distanceCount);
  lengths.set(symbols.lengths.subarray(0, symbolCount));
  lengths.set(distances.lengths.subarray(0, distanceCount), symbolCount);
  const runs = runLengths(lengths);
  const counts = new Uint32Array(19);
  for (const { symbol } of runs) counts[symbol]!++;
  const codes = buildCodes(counts, 7);
  let lengthCount = 19;
  while (lengthCount > 4 && codes.lengths[codeLengthOrder[lengthCount - 1]!] === 0) lengthCount--;
  const bits = 17 + 3 * lengthCount + cost(counts, codes) + runs.reduce((sum, run) => sum + run.extraBits, 0);
  const write = (out: BitWriter) => {
    out.put(symbolCount - 257, 5);
    out.put(distanceCount - 1, 5);
    out.put(lengthCount - 4, 4);
    for (let index = 0; index < lengthCount; index++) out.put(codes.lengths[codeLengthOrder[index]!]!, 3);
    for (const { symbol, extra, extraBits } of runs) {
      out.put(codes.codes[symbol]!, codes.lengths[symbol]!);
      out.put(extra, extraBits);
    }
  };
  return { bits, write };
}

function used(lengths: Uint8Array): number {
  let count = lengths.length;
  while (count > 0 && lengths[count - 1] === 0) count--;
  return count;
}

/** Bits into bytes, lowest first. */
class BitWriter {
  #bytes = Buffer.allocUnsafe(2 * blockSize);
  #length = 0;
  #held = 0;
  #count = 0;

  put(value: number, bits: number): void {
    this.#held |= value << this.#count;
    this.#count += bits;
    while (this.#count >= 8) {
      this.#bytes[this.#length++] = this.#held & 0xff;
      this.#held >>>= 8;
      this.#count -= 8;
    }
  }

  get aligned(): boolean {
    return this.#count === 0;
  }

  align(): void {
    if (this.#count > 0) this.put(0, 8 - this.#count);
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The whole bytes so far, until more are written. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
