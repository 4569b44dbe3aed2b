/**
 * Reads the part of YAML that nearly all manifests keep to, and that kustomize prints, many times faster than a whole YAML
 * parser: block maps and lists, scalars that mean the same to every reader, quoted text on one line, literal blocks,
 * flow collections on one line, comments. Anything else (anchors, tags, folded text, octal numbers, `yes`, dates, null,
 * a key twice, …) is left to the whole parser.
 */

/** The documents of a text, undefined for empty ones; undefined when the text is not of this part of YAML. */
export function parseSubset(text: string): unknown[] | undefined {
  if (foreign.test(text)) return undefined;
  try {
    return new SubsetParser(text).documents();
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}

class Unfit extends Error {}

// Control characters, line breaks that only some readers know, byte order marks, halves of pairs.
const foreign =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const separator = /^---[ ]*(?:#.*)?$/;
const plainKey = /^([A-Za-z_$][A-Za-z0-9_.$/-]*):(?: +|$)/;
const quotedKey = /^("(?:[^"\\]|\\["\\/])*"|'[^']*'):(?: +|$)/;
/** Words that one reader or another takes for something else than text. */
const loaded = /^(?:y|n|yes|no|on|off|true|false|null|\.?nan|\.?inf)$/i;
const wholeNumber = /^(?:0|-?[1-9][0-9]{0,14})$/;
const decimalNumber = /^-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,8}$/;
/** Text that begins with a digit, and that nobody takes for a number or a date: quantities, versions, addresses. */
const digitText =
  /^(?:[1-9][0-9]*(?:\.[0-9]+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti|%|s|h|ms)|[0-9]+\.[0-9]+\.[0-9]+(?:\.[0-9]+(?:\/[0-9]+)?|-[a-z][a-z0-9.-]*)?|[1-9][0-9]*[ms][1-9]?[0-9]*s?)$/;
const textStart = /^(?:[A-Za-z_/$^]|--?[A-Za-z]|\.\.?\/|\.[A-Za-z])/;
const flowPlain = /^[A-Za-z0-9_./$%=@-]+/;

class SubsetParser {
  readonly #lines: string[];
  readonly #endsWithBreak: boolean;
  #at = 0;

  constructor(text: string) {
    this.#lines = text.split('\n');
    this.#endsWithBreak = text.endsWith('\n');
    if (this.#endsWithBreak) this.#lines.pop();
  }

  documents(): unknown[] {
    const documents: unknown[] = [];
    let isOpen = false;
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#lines.length) break;
      if (this.#isSeparator()) {
        if (isOpen) documents.push(undefined);
        isOpen = true;
        this.#at++;
        continue;
      }
      documents.push(this.#block(0));
      isOpen = false;
      this.#skipBlank();
      if (this.#at < this.#lines.length && !this.#isSeparator()) throw new Unfit();
    }
    return documents;
  }

  #isSeparator(): boolean {
    return this.#lines[this.#at]!.startsWith('---') && separator.test(this.#lines[this.#at]!);
  }

  /** To the next line with content; false at the end of the document. */
  #skipBlank(): boolean {
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      const start = indentOf(line);
      if (start < line.length && line[start] !== '#') break;
    }
    return this.#at < this.#lines.length && !this.#isSeparator();
  }

  #block(minimum: number): unknown {
    const line = this.#lines[this.#at]!;
    const indent = indentOf(line);
    if (indent < minimum) throw new Unfit();
    return isItem(line, indent) ? this.#sequence(indent) : this.#mapping(indent);
  }

  #mapping(indent: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    while (this.#skipBlank()) {
      const line = this.#lines[this.#at]!;
      const own = indentOf(line);
      if (own < indent) break;
      if (own > indent) throw new Unfit();
      const content = line.slice(indent);
      const match = plainKey.exec(content) ?? quotedKey.exec(content);
      if (!match) throw new Unfit();
      const key = keyOf(match[1]!);
      if (Object.hasOwn(map, key) || key === '__proto__') throw new Unfit();
      map[key] = this.#value(content.slice(match[0].length), indent, true);
    }
    return map;
  }

  #sequence(indent: number): unknown[] {
    const list: unknown[] = [];
    while (this.#skipBlank()) {
      const line = this.#lines[this.#at]!;
      const own = indentOf(line);
      if (own < indent || (own === indent && !isItem(line, indent))) break;
      if (own > indent) throw new Unfit();
      list.push(this.#item(line, indent));
    }
    return list;
  }

  #item(line: string, indent: number): unknown {
    const rest = line.slice(indent + 1);
    const offset = indent + 1 + indentOf(rest);
    const content = line.slice(offset);
    if (content.startsWith('- ') || content === '-' || plainKey.test(content) || quotedKey.test(content)) {
      // The item's first line, as if it stood alone.
      this.#lines[this.#at] = ' '.repeat(offset) + content;
      return this.#block(offset);
    }
    return this.#value(content, indent, false);
  }

  /** What follows a key or a dash that stands at `indent`. */
  #value(text: string, indent: number, isMember: boolean): unknown {
    this.#at++;
    const first = text[0];
    if (first === undefined || first === '#') return this.#below(indent, isMember);
    if (first === '|') return this.#literal(text, indent);
    const { value, end } = inlineValue(text);
    const rest = text.slice(end);
    if (!/^ *(?: #.*)?$/.test(rest)) throw new Unfit();
    return value;
  }

  #below(indent: number, isMember: boolean): unknown {
    if (!this.#skipBlank()) throw new Unfit();
    const line = this.#lines[this.#at]!;
    const own = indentOf(line);
    if (own > indent) return this.#block(own);
    if (isMember && own === indent && isItem(line, indent)) return this.#sequence(indent);
    throw new Unfit();
  }

  #literal(header: string, indent: number): string {
    const chomp = /^\|(-?) *$/.exec(header);
    if (!chomp) throw new Unfit();
    const lines: string[] = [];
    let margin = -1;
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!;
      const own = indentOf(line);
      const isBlank = own === line.length;
      if (margin < 0) {
        if (isBlank && own > 0) throw new Unfit();
        if (!isBlank) {
          if (own <= indent) throw new Unfit();
          margin = own;
        }
      }
      if (!isBlank && own < margin) break;
      lines.push(line.slice(Math.min(own, Math.max(margin, 0))));
    }
    while (lines.at(-1) === '') lines.pop();
    const last = lines.at(-1);
    if (last === undefined || last.trim() === '') throw new Unfit();
    if (this.#at >= this.#lines.length && !this.#endsWithBreak) throw new Unfit();
    return lines.join('\n') + (chomp[1] === '-' ? '' : '\n');
  }
}

function indentOf(line: string): number {
  let at = 0;
  while (line.charCodeAt(at) === 32) at++;
  if (line.charCodeAt(at) === 9) throw new Unfit();
  return at;
}

function isItem(line: string, indent: number): boolean {
  return line[indent] === '-' && (line.length === indent + 1 || line[indent + 1] === ' ');
}

function keyOf(text: string): string {
  if (text[0] === '"' || text[0] === "'") return quoted(text).value;
  if (loaded.test(text)) throw new Unfit();
  return text;
}

interface Found<T> {
  value: T;
  /** Where the text goes on. */
  end: number;
}

function inlineValue(text: string): Found<unknown> {
  const first = text[0];
  if (first === '"' || first === "'") return quoted(text);
  if (first === '[' || first === '{') return flow(text, 0);
  const comment = text.indexOf(' #');
  const plain = (comment < 0 ? text : text.slice(0, comment)).trimEnd();
  if (plain.includes(': ') || plain.endsWith(':') || plain.includes('\t')) throw new Unfit();
  return { value: plainValue(plain), end: plain.length };
}

function plainValue(text: string): unknown {
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (textStart.test(text)) {
    if (loaded.test(text)) throw new Unfit();
    return text;
  }
  if (wholeNumber.test(text) || decimalNumber.test(text)) {
    const value = Number(text);
    // -0.0
    if (Object.is(value, -0)) throw new Unfit();
    return value;
  }
  if (digitText.test(text)) return text;
  throw new Unfit();
}

const escapes: Record<string, string> = { '"': '"', '\\': '\\', n: '\n', t: '\t', '/': '/' };

function quoted(text: string): Found<string> {
  if (text[0] === "'") {
    const match = /^'((?:[^']|'')*)'/.exec(text);
    if (!match) throw new Unfit();
    return { value: match[1]!.replaceAll("''", "'"), end: match[0].length };
  }
  const match = /^"((?:[^"\\]|\\["\\nt/])*)"/.exec(text);
  if (!match) throw new Unfit();
  return { value: match[1]!.replace(/\\(.)/g, (_, char: string) => escapes[char]!), end: match[0].length };
}

/** A flow collection or a scalar within one. */
function flow(text: string, start: number): Found<unknown> {
  const first = text[start];
  if (first === '[') return flowList(text, start + 1);
  if (first === '{') return flowMap(text, start + 1);
  if (first === '"' || first === "'") {
    const { value, end } = quoted(text.slice(start));
    return { value, end: start + end };
  }
  const match = flowPlain.exec(text.slice(start));
  if (!match || !/^ *[,\]}]/.test(text.slice(start + match[0].length))) throw new Unfit();
  return { value: plainValue(match[0]), end: start + match[0].length };
}

function skipSpaces(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ') at++;
  return at;
}

function flowList(text: string, start: number): Found<unknown[]> {
  const list: unknown[] = [];
  let at = skipSpaces(text, start);
  if (text[at] === ']') return { value: list, end: at + 1 };
  for (;;) {
    const { value, end } = flow(text, at);
    list.push(value);
    at = skipSpaces(text, end);
    if (text[at] === ']') return { value: list, end: at + 1 };
    if (text[at] !== ',' || text[at + 1] !== ' ') throw new Unfit();
    at = skipSpaces(text, at + 1);
  }
}

function flowMap(text: string, start: number): Found<Record<string, unknown>> {
  const map: Record<string, unknown> = {};
  let at = skipSpaces(text, start);
  if (text[at] === '}') return { value: map, end: at + 1 };
  for (;;) {
    const rest = text.slice(at);
    const match = /^([A-Za-z_][A-Za-z0-9_./-]*|"[^"\\]*"|'[^']*'): +/.exec(rest);
    if (!match) throw new Unfit();
    const key = keyOf(match[1]!);
    if (Object.hasOwn(map, key) || key === '__proto__') throw new Unfit();
    const { value, end } = flow(text, at + match[0].length);
    map[key] = value;
    at = skipSpaces(text, end);
    if (text[at] === '}') return { value: map, end: at + 1 };
    if (text[at] !== ',' || text[at + 1] !== ' ') throw new Unfit();
    at = skipSpaces(text, at + 1);
  }
}
