/**
 * What plain scalars of YAML mean. Kubernetes reads YAML 1.1 as Go's yaml.v2 does: `yes` is true, `0777` is octal, but
 * `1:30` stays text and a date stays text. Kustomize reads with yaml.v3, for which `yes` and `on` are text.
 */

export type Dialect = 'kubernetes' | 'kustomize';

const common = new Map<string, boolean | null | number>([
  ['', null],
  ['~', null],
  ...words(null, 'null', 'Null', 'NULL'),
  ...words(true, 'true', 'True', 'TRUE'),
  ...words(false, 'false', 'False', 'FALSE'),
  ...words(Number.NaN, '.nan', '.NaN', '.NAN'),
  ...words(Number.POSITIVE_INFINITY, '.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'),
  ...words(Number.NEGATIVE_INFINITY, '-.inf', '-.Inf', '-.INF'),
]);

const kubernetes = new Map<string, boolean | null | number>([
  ...common,
  ...words(true, 'y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'),
  ...words(false, 'n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'),
]);

function words<T>(value: T, ...texts: string[]): [string, T][] {
  return texts.map(text => [text, value]);
}

/** A number that JavaScript cannot hold exactly, and that would reach the cluster changed. */
export class InexactNumber extends Error {
  constructor(text: string) {
    super(`the number ${text} is too large to be kept exactly; write it as a string, in quotes`);
    this.name = 'InexactNumber';
  }
}

/** The value of a plain scalar: null, a boolean, a number, or the text itself. */
export function resolvePlain(text: string, dialect: Dialect = 'kubernetes'): null | boolean | number | string {
  const known = (dialect === 'kubernetes' ? kubernetes : common).get(text);
  if (known !== undefined) return known;
  const first = text.charCodeAt(0);
  const isNumeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
  return isNumeric ? (numberOf(text) ?? text) : text;
}

const integer = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

function numberOf(text: string): number | undefined {
  const digits = text.replaceAll('_', '');
  if (integer.test(digits)) return integerOf(digits, text);
  return float.test(digits) ? Number(digits) : undefined;
}

function integerOf(digits: string, text: string): number {
  const isNegative = digits.startsWith('-');
  const body = digits
    .replace(/^[-+]/, '')
    .replace(/^0(?=[0-7]+$)/, '0o')
    .toLowerCase();
  const value = isNegative ? -BigInt(body) : BigInt(body);
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  // Beyond 64 bits Go takes a float, too.
  if (value >= 2n ** 64n || value < -(2n ** 63n)) return Number(value);
  throw new InexactNumber(text);
}
