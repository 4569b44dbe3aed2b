/** Huffman codes as deflate writes them: per symbol a length (0: not used) and the code with its bits reversed. */
export interface Codes {
  lengths: Uint8Array;
  codes: Uint16Array;
}

/** The order in which a block's header lists the lengths of code length codes (RFC 1951, section 3.2.7). */
export const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Codes no longer than `limit` bits for symbols that occur `counts` times; ties go by the symbol's number. */
export function buildCodes(counts: Uint32Array, limit: number): Codes {
  const lengths = new Uint8Array(counts.length);
  const present = [...counts.keys()].filter(symbol => counts[symbol]! > 0);
  // Decoders want a tree of at least two leaves.
  for (let symbol = 0; present.length > 0 && present.length < 2; symbol++)
    if (!present.includes(symbol)) present.push(symbol);
  present.sort((a, b) => counts[a]! - counts[b]! || a - b);
  const perLength = limited(depths(present.map(symbol => counts[symbol]!)), limit);
  // The rarest symbols get the longest codes.
  let next = 0;
  for (let length = limit; length > 0; length--)
    for (let count = 0; count < perLength[length]!; count++) lengths[present[next++]!] = length;
  return { lengths, codes: canonical(lengths, perLength, limit) };
}

/** Depth of each leaf of the Huffman tree over ascending weights: two queues, of leaves and of joined nodes. */
function depths(weights: number[]): number[] {
  const leaves = weights.length;
  if (leaves === 0) return [];
  const weight = [...weights];
  const parent: number[] = [];
  let leaf = 0;
  let joined = leaves;
  const smallest = () => {
    if (leaf < leaves && (joined >= weight.length || weight[leaf]! <= weight[joined]!)) return leaf++;
    return joined++;
  };
  while (weight.length < 2 * leaves - 1) {
    const a = smallest();
    const b = smallest();
    parent[a] = weight.length;
    parent[b] = weight.length;
    weight.push(weight[a]! + weight[b]!);
  }
  const depth = new Array<number>(weight.length).fill(0);
  for (let node = weight.length - 2; node >= 0; node--) depth[node] = depth[parent[node]!]! + 1;
  return depth.slice(0, leaves);
}

/** How many codes there are per length, none above `limit`: what was too deep is paid for by splitting a shorter code. */
function limited(depth: number[], limit: number): number[] {
  const perLength = new Array<number>(limit + 1).fill(0);
  for (const value of depth) perLength[Math.min(value, limit)]!++;
  // Kraft's sum in units of the longest code; a prefix code fills exactly 2^limit.
  let sum = perLength.reduce((total, count, length) => total + (length > 0 ? count * 2 ** (limit - length) : 0), 0);
  while (sum > 2 ** limit) {
    perLength[limit]!--;
    let length = limit - 1;
    while (perLength[length] === 0) length--;
    perLength[length]!--;
    perLength[length + 1]! += 2;
    sum--;
  }
  return perLength;
}

function canonical(lengths: Uint8Array, perLength: number[], limit: number): Uint16Array {
  const codes = new Uint16Array(lengths.length);
  const next = new Array<number>(limit + 2).fill(0);
  for (let length = 1; length <= limit; length++) next[length + 1] = (next[length]! + perLength[length]!) << 1;
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol]!;
    if (length > 0) codes[symbol] = reversed(next[length]!++, length);
  }
  return codes;
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit++) if (code & (1 << bit)) result |= 1 << (length - 1 - bit);
  return result;
}

/** Runs of equal lengths: 16 repeats the last 3 to 6 times, 17 and 18 stand for zeros. */
export function runLengths(lengths: Uint8Array): { symbol: number; extra: number; extraBits: number }[] {
  const runs: { symbol: number; extra: number; extraBits: number }[] = [];
  for (let at = 0; at < lengths.length; ) {
    const value = lengths[at]!;
    let run = 1;
    while (at + run < lengths.length && lengths[at + run] === value) run++;
    at += run;
    if (value > 0) {
      runs.push({ symbol: value, extra: 0, extraBits: 0 });
      run--;
    }
    while (run >= 3) {
      const symbol = value > 0 ? 16 : run > 10 ? 18 : 17;
      const [least, most, extraBits] = symbol === 16 ? [3, 6, 2] : symbol === 17 ? [3, 10, 3] : [11, 138, 7];
      const taken = Math.min(run, most!);
      runs.push({ symbol, extra: taken - least!, extraBits: extraBits! });
      run -= taken;
    }
    for (; run > 0; run--) runs.push({ symbol: value, extra: 0, extraBits: 0 });
  }
  return runs;
}
