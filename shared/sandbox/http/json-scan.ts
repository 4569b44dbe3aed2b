/** Where a JSON text breaks its grammar, in the words of Go's decoder. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonSyntaxError';
  }
}

const simpleEscapes = '"\\/bfnrt';

/** Walks a JSON text for what `JSON.parse` does not tell: fields given twice, and the fault in Go's words. */
class Scanner {
  readonly #text: string;
  #at = 0;
  readonly repeated: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value('');
    this.#blank();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  #blank(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  /** The next character, blanks passed over. */
  #next(): string | undefined {
    this.#blank();
    return this.#text[this.#at];
  }

  #fail(where: string): never {
    const character = this.#text[this.#at];
    if (character === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    const shown = character === "'" ? "'\\''" : character === '"' ? "'\"'" : `'${escaped(character)}'`;
    throw new JsonSyntaxError(`invalid character ${shown} ${where}`);
  }

  #value(path: string): void {
    const first = this.#next();
    if (first === '{') this.#object(path);
    else if (first === '[') this.#array(path);
    else if (first === '"') this.#string();
    else if (first === 't') this.#literal('true');
    else if (first === 'f') this.#literal('false');
    else if (first === 'n') this.#literal('null');
    else if (first !== undefined && /[-0-9]/.test(first)) this.#number();
    else this.#fail('looking for beginning of value');
  }

  #object(path: string): void {
    this.#at++;
    const names = new Set<string>();
    if (this.#next() === '}') {
      this.#at++;
      return;
    }
    for (;;) {
      if (this.#next() !== '"') this.#fail('looking for beginning of object key string');
      const name = this.#string();
      const place = path ? `${path}.${name}` : name;
      if (names.has(name)) this.repeated.push(place);
      names.add(name);
      if (this.#next() !== ':') this.#fail('after object key');
      this.#at++;
      this.#value(place);
      const after = this.#next();
      if (after !== ',' && after !== '}') this.#fail('after object key:value pair');
      this.#at++;
      if (after === '}') return;
    }
  }

  #array(path: string): void {
    this.#at++;
    if (this.#next() === ']') {
      this.#at++;
      return;
    }
    for (let i = 0; ; i++) {
      this.#value(`${path}[${i}]`);
      const after = this.#next();
      if (after !== ',' && after !== ']') this.#fail('after array element');
      this.#at++;
      if (after === ']') return;
    }
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character < ' ') this.#fail('in string literal');
      this.#at++;
      if (character === '"') return JSON.parse(this.#text.slice(start, this.#at)) as string;
      if (character === '\\') this.#escape();
    }
  }

  #escape(): void {
    const kind = this.#text[this.#at];
    if (kind === undefined || !(simpleEscapes.includes(kind) || kind === 'u')) this.#fail('in string escape code');
    this.#at++;
    for (let i = 0; kind === 'u' && i < 4; i++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) this.#fail('in \\u hexadecimal character escape');
      this.#at++;
    }
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) this.#fail(`in literal ${word} (expecting '${expected}')`);
      this.#at++;
    }
  }

  #number(): void {
    if (this.#text[this.#at] === '-') this.#at++;
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (/[eE]/.test(this.#text[this.#at] ?? '')) {
      this.#at++;
      if (/[-+]/.test(this.#text[this.#at] ?? '')) this.#at++;
      this.#digits('in exponent of numeric literal');
    }
  }

  #digits(where: string): void {
    const isDigit = (): boolean => /[0-9]/.test(this.#text[this.#at] ?? '');
    if (!isDigit()) this.#fail(where);
    while (isDigit()) this.#at++;
  }
}

function escaped(character: string): string {
  return character < ' ' ? JSON.stringify(character).slice(1, -1) : character;
}

/** The fault of a text that is no JSON. */
export function jsonFault(text: string): string {
  try {
    new Scanner(text).document();
  } catch (error) {
    return (error as Error).message;
  }
  return 'unexpected end of JSON input';
}

/** The paths of the fields that a JSON text gives twice; `value` is what it parses to. */
export function repeatedFields(text: string, value: unknown): string[] {
  // As most clients write it, a text without repetitions is what its value would be written as.
  if (JSON.stringify(value).length === text.length) return [];
  const scanner = new Scanner(text);
  scanner.document();
  return scanner.repeated;
}
