import { SubstitutionError } from './substitution-error.ts';

/** What the operators of `${…}` make of a value. Lengths and positions count bytes of UTF-8, as in Flux. */

type Operator = (value: string, args: string[]) => string;

const operators: Record<string, Operator> = {
  ',': value => mapFirst(value, lower),
  ',,': value => mapAll(value, lower),
  '^': value => mapFirst(value, upper),
  '^^': value => mapAll(value, upper),
  '#': (value, args) => (args.length === 0 ? String(Buffer.byteLength(value)) : trimShortest(value, args[0]!)),
  '##': (value, args) => trimLongest(value, args[0]!),
  '%': (value, args) => reversed(trimShortest(reversed(value), reversed(args[0]!))),
  '%%': (value, args) => reversed(trimLongest(reversed(value), reversed(args[0]!))),
  ':': substring,
  '/': (value, [pattern = '', replacement = '']) => replaceFirst(value, pattern, replacement),
  '//': (value, [pattern = '', replacement = '']) => value.split(pattern).join(replacement),
  '/#': (value, args) =>
    args.length === 2 && value.startsWith(args[0]!) ? args[1] + value.slice(args[0]!.length) : value,
  '/%': (value, args) =>
    args.length === 2 && value.endsWith(args[0]!) ? value.slice(0, value.length - args[0]!.length) + args[1] : value,
};

/** The result of an operator; anything that is not in the table gives the value, or the arguments where it is empty. */
export function applyOperator(operator: string, value: string, args: string[]): string {
  const apply = operators[operator];
  return apply ? apply(value, args) : value === '' ? args.join('') : value;
}

/** One character for one character: where a language's rules would lengthen the text, it is left. */
function oneToOne(char: string, mapped: string): string {
  return [...mapped].length === 1 ? mapped : char;
}

const lower = (char: string) => oneToOne(char, char.toLowerCase());
const upper = (char: string) => oneToOne(char, char.toUpperCase());

function mapAll(value: string, map: (char: string) => string): string {
  return [...value].map(map).join('');
}

function mapFirst(value: string, map: (char: string) => string): string {
  const [first = '', ...rest] = value;
  return map(first) + rest.join('');
}

function replaceFirst(value: string, pattern: string, replacement: string): string {
  const at = value.indexOf(pattern);
  return at < 0 ? value : value.slice(0, at) + replacement + value.slice(at + pattern.length);
}

/** A text that is no number leaves the value whole, as bash does. */
function substring(value: string, args: string[]): string {
  const position = decimal(args[0]);
  if (position === undefined) return value;
  const bytes = Buffer.from(value);
  const start = Math.min(position < 0 ? Math.max(bytes.length + position, 0) : position, bytes.length);
  if (args.length === 1) return bytes.toString('utf8', start);
  const length = decimal(args[1]);
  if (length === undefined) return value;
  if (length < 0 && start + length < bytes.length)
    throw new SubstitutionError(`a substring cannot have the length ${length}; only the position may be negative`);
  return bytes.toString('utf8', start, Math.min(start + length, bytes.length));
}

function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^[-+]?\d+$/.test(text) ? Number(text) : undefined;
}

function reversed(text: string): string {
  return [...text].reverse().join('');
}

function trimLongest(value: string, pattern: string): string {
  const glob = globOf(pattern);
  if (!glob) return value;
  for (let end = value.length; end > 0; end--) if (glob.test(value.slice(0, end))) return value.slice(end);
  return value;
}

function trimShortest(value: string, pattern: string): string {
  const glob = globOf(pattern);
  if (!glob) return value;
  for (let end = 1; end <= value.length; end++) if (glob.test(value.slice(0, end))) return value.slice(end);
  return value;
}

/** A shell pattern (`*`, `?`, `[a-z]`, `[^a-z]`, `\`) as a regular expression; undefined when it is malformed. */
function globOf(pattern: string): RegExp | undefined {
  const parts: string[] = [];
  const chars = [...pattern];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === '*') {
      // Runs of stars are one: two would only make the search slow.
      if (parts.at(-1) !== '.*') parts.push('.*');
    } else if (char === '?') parts.push('.');
    else if (char === '[') {
      const set = setOf(chars, at + 1);
      if (!set) return undefined;
      parts.push(set.expression);
      at = set.end;
    } else if (char === '\\') {
      at++;
      if (at >= chars.length) return undefined;
      parts.push(escaped(chars[at]!));
    } else parts.push(escaped(char));
  }
  return new RegExp(`^${parts.join('')}$`, 'su');
}

function setOf(chars: string[], start: number): { expression: string; end: number } | undefined {
  let at = start;
  const isNegated = chars[at] === '^';
  if (isNegated) at++;
  const ranges: string[] = [];
  const member = (): string | undefined => {
    const char = chars[at++];
    if (char === undefined || char === '-' || char === ']') return undefined;
    return char === '\\' ? chars[at++] : char;
  };
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = member();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (chars[at] === '-') {
      at++;
      high = member();
      if (high === undefined) return undefined;
    }
    if (low.codePointAt(0)! <= high.codePointAt(0)!) ranges.push(`${inSet(low)}-${inSet(high)}`);
    else ranges.push('');
  }
  return { expression: `[${isNegated ? '^' : ''}${ranges.join('')}]`, end: at };
}

const inSet = (char: string) => `\\u{${char.codePointAt(0)!.toString(16)}}`;
const escaped = (char: string) => `\\u{${char.codePointAt(0)!.toString(16)}}`;
