/** A resource quantity: a number of billionths, and the notation it was written in. */
export interface Quantity {
  nano: bigint;
  format: 'DecimalSI' | 'BinarySI' | 'DecimalExponent';
}

const pattern = /^([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$/;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalExponents: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));

/** What the API server says of text that is no quantity. */
export const quantityRule =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Reads a quantity; undefined when `text` is none. Fractions of a billionth are rounded up. */
export function parseQuantity(text: string | number): Quantity | undefined {
  const match = pattern.exec(String(text));
  if (!match) return undefined;
  const [, sign, digits, suffix = ''] = match as unknown as [string, string, string, string | undefined];
  const [whole = '', fraction = ''] = digits.split('.');
  const binary = binarySuffixes.indexOf(suffix);
  let numerator = BigInt(whole + fraction || '0');
  let exponent = -fraction.length + 9;
  let format: Quantity['format'] = 'DecimalSI';
  if (suffix && binary > 0) {
    numerator *= 1024n ** BigInt(binary);
    format = 'BinarySI';
  } else if (/^[eE]\S/.test(suffix)) {
    const power = Number(suffix.slice(1));
    if (Math.abs(power) > 100) return undefined;
    exponent += power;
    format = 'DecimalExponent';
  } else exponent += decimalExponents[suffix]!;
  const nano = exponent >= 0 ? numerator * 10n ** BigInt(exponent) : ceilDivide(numerator, 10n ** BigInt(-exponent));
  return { nano: sign === '-' ? -nano : nano, format };
}

function ceilDivide(a: bigint, b: bigint): bigint {
  return a % b === 0n ? a / b : a / b + 1n;
}

const unit = 1_000_000_000n;

/** The one way in which the API server writes this quantity: `1000m` is `1`, `1024Mi` is `1Gi`, `0.5` is `500m`. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const magnitude = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? '-' : '';
  if (format === 'BinarySI' && magnitude >= 1024n * unit && magnitude % unit === 0n)
    return sign + binaryText(magnitude / unit);
  return sign + decimalText(magnitude, format === 'DecimalExponent');
}

function binaryText(value: bigint): string {
  let rest = value;
  let step = 0;
  while (step < binarySuffixes.length - 1 && rest % 1024n === 0n) {
    rest /= 1024n;
    step++;
  }
  return `${rest}${binarySuffixes[step]}`;
}

function decimalText(nano: bigint, asExponent: boolean): string {
  let rest = nano;
  let exponent = -9;
  while (exponent < 18 && rest % 1000n === 0n) {
    rest /= 1000n;
    exponent += 3;
  }
  if (asExponent) return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
  return `${rest}${decimalSuffixes.get(exponent)}`;
}

/** `text` in canonical form, or as it is when it is no quantity. */
export function canonicalQuantity(text: string | number): string {
  const quantity = parseQuantity(text);
  return quantity ? formatQuantity(quantity) : String(text);
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`; NaN when one is no quantity. */
export function compareQuantities(a: string | number, b: string | number): number {
  const [x, y] = [parseQuantity(a), parseQuantity(b)];
  if (!x || !y) return Number.NaN;
  return x.nano === y.nano ? 0 : x.nano < y.nano ? -1 : 1;
}
