/**
 * One name against one part of a gitignore pattern: `*`, `?`, `[a-z]`, `[!a-z]`, `[[:digit:]]`, backslash escapes.
 * Patterns come from repositories, so matching must not explode: a star that fails is retried one character further and
 * never together with an earlier star, which bounds the work by name × pattern.
 */
export type NamePattern = (name: string) => boolean;

type Token =
  | { kind: 'star' }
  | { kind: 'any' }
  | { kind: 'char'; char: string }
  | { kind: 'set'; test: (char: string) => boolean };

/** Compiles a part of a pattern. A part that cannot be read (an unclosed bracket, a lone backslash) matches nothing. */
export function compileName(pattern: string): NamePattern {
  const tokens = tokenize(pattern);
  if (!tokens) return () => false;
  const [first, ...rest] = tokens;
  if (tokens.every(token => token.kind === 'char')) return equals(literalOf(tokens));
  if (first?.kind === 'star' && rest.every(token => token.kind === 'char')) return endsWith(literalOf(rest));
  return name => matches(Array.from(name), tokens);
}

function literalOf(tokens: Token[]): string {
  return tokens.map(token => (token.kind === 'char' ? token.char : '')).join('');
}

function equals(literal: string): NamePattern {
  return name => name === literal;
}

function endsWith(literal: string): NamePattern {
  return name => name.endsWith(literal);
}

function matches(name: string[], tokens: Token[]): boolean {
  let at = 0;
  let token = 0;
  let star = -1;
  let retry = 0;
  while (at < name.length) {
    const wanted = tokens[token];
    if (wanted?.kind === 'star') {
      star = token++;
      retry = at;
    } else if (wanted && matchesOne(wanted, name[at]!)) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++retry;
    } else return false;
  }
  while (tokens[token]?.kind === 'star') token++;
  return token === tokens.length;
}

function matchesOne(token: Token, char: string): boolean {
  if (token.kind === 'any') return true;
  return token.kind === 'char' ? token.char === char : token.kind === 'set' && token.test(char);
}

function tokenize(pattern: string): Token[] | undefined {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; ) {
    const char = chars[at++]!;
    if (char === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (char === '?') tokens.push({ kind: 'any' });
    else if (char === '\\') {
      const escaped = chars[at++];
      if (escaped === undefined) return undefined;
      tokens.push({ kind: 'char', char: escaped });
    } else if (char === '[') {
      const set = readSet(chars, at);
      if (!set) return undefined;
      tokens.push({ kind: 'set', test: set.test });
      at = set.end;
    } else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

const classes: Record<string, RegExp | undefined> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  blank: /^[ \t]$/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the class
  cntrl: /^[\u0000-\u001f\u007f]$/,
  digit: /^[0-9]$/,
  graph: /^[!-~]$/,
  lower: /^[a-z]$/,
  print: /^[ -~]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[ \t\n\v\f\r]$/,
  upper: /^[A-Z]$/,
  xdigit: /^[0-9A-Fa-f]$/,
};

/** Reads a bracket expression from behind its `[`; undefined when it does not end or names an unknown class. */
function readSet(chars: string[], start: number): { test: (char: string) => boolean; end: number } | undefined {
  let at = start;
  const negated = chars[at] === '!' || chars[at] === '^';
  if (negated) at++;
  const tests: ((char: string) => boolean)[] = [];
  for (let first = true; ; first = false) {
    let low = chars[at++];
    if (low === undefined) return undefined;
    if (low === ']' && !first) break;
    if (low === '[' && chars[at] === ':') {
      const close = chars.indexOf(']', at);
      const name = chars.slice(at + 1, close - 1).join('');
      const known = close > at && chars[close - 1] === ':' ? classes[name] : undefined;
      if (!known) return undefined;
      tests.push(char => known.test(char));
      at = close + 1;
      continue;
    }
    if (low === '\\') low = chars[at++];
    if (low === undefined) return undefined;
    let high = low;
    if (chars[at] === '-' && chars[at + 1] !== undefined && chars[at + 1] !== ']') {
      at++;
      high = chars[at++]!;
      if (high === '\\') high = chars[at++] ?? '';
    }
    const [from, to] = [low, high];
    tests.push(char => char === from || (char >= from && char <= to));
  }
  return { test: char => tests.some(test => test(char)) !== negated, end: at };
}
