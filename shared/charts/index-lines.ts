import { parse } from 'yaml';
import { ChartError } from './errors.ts';
import { type ChartSink, emptyVersion, type IndexedVersion, type RawVersion, validVersion } from './index-version.ts';

/** YAML that is not written in the plain blocks that Helm writes. A reader of all of YAML may still make sense of it. */
export class OddIndex extends Error {
  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`);
    this.name = 'OddIndex';
  }
}

const wanted = new Set(['name', 'version', 'type', 'created', 'digest', 'urls']);

/** A key of a block mapping and what stands after it. Keys may be quoted; a plain one begins with no sign of YAML. */
const keyPattern = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#&*!|>%@`{}[\],?-][^:#]*|-[^\s:#][^:#]*):(?:[ \t]+(.*))?$/;

/**
 * Reads an index line by line: what Helm, ChartMuseum, Artifactory, Harbor and Nexus write is block style YAML, of which
 * only a few fields matter. Blocks that do not matter are passed over by their indentation, unread: nothing in them is
 * expanded or kept. Memory is that of one line and of what is kept.
 */
export class BlockIndexReader {
  readonly #sink: ChartSink;
  readonly #charts = new Set<string>();
  #line = 0;
  #section: 'start' | 'entries' | 'other' = 'start';
  apiVersion = '';
  hasEntries = false;
  /** Indentation of charts' names, of their items' dashes, and of the items' fields; -1 while unknown. */
  #chartIndent = -1;
  #dashIndent = -1;
  #fieldIndent = -1;
  #chart: string | undefined;
  #versions: IndexedVersion[] = [];
  #item: RawVersion | undefined;
  readonly #fields = new Set<string>();
  /** The field whose block goes on. */
  #field = '';
  /** Whether a block may follow: the field had no value beside it. */
  #open = false;

  constructor(sink: ChartSink) {
    this.#sink = sink;
  }

  /** Takes one line, without its end. Throws ChartError InvalidIndex, or OddIndex. */
  line(text: string): void {
    this.#line++;
    const indent = indentOf(text);
    // Blank, or only white space.
    if (indent === text.length) return;
    const first = text.charCodeAt(indent);
    // Within a block that is passed over, nothing else matters.
    if (this.#item && indent > this.#fieldIndent && first !== 35) {
      this.#within(text.slice(indent));
      return;
    }
    if (first === 35) return;
    if (first === 9) {
      if (text.trim() === '') return;
      throw new OddIndex(this.#line, 'a tab where YAML wants spaces');
    }
    const content = text.slice(indent).trimEnd();
    if (indent === 0) this.#top(content);
    else if (this.#section === 'entries') this.#entry(indent, content);
    else if (this.#section === 'start') throw new OddIndex(this.#line, 'the text does not begin with a key');
  }

  /** Ends the text. */
  end(): void {
    this.#endChart();
  }

  #top(content: string): void {
    if (content === '---' && this.#section === 'start') return;
    if (/^(---|\.\.\.)(\s|$)/.test(content)) throw new OddIndex(this.#line, 'more than one document');
    // A list may stand at the indentation of its key.
    if (this.#section === 'other' && (content.startsWith('- ') || content === '-')) return;
    this.#endChart();
    const [key, value] = this.#keyOf(content);
    if (key === 'entries') {
      if (this.hasEntries) throw this.#twice('entries');
      this.hasEntries = true;
      if (value !== '' && value !== '{}' && value !== 'null' && value !== '~')
        throw new OddIndex(this.#line, 'entries are not a block');
      this.#section = 'entries';
      return;
    }
    this.#section = 'other';
    if (key === 'apiVersion') this.apiVersion = this.#scalar(value);
  }

  #entry(indent: number, content: string): void {
    const isDash = content.startsWith('- ') || content === '-';
    if (this.#chartIndent < 0 && !isDash) this.#chartIndent = indent;
    if (isDash && this.#chart !== undefined && this.#isDashIndent(indent)) this.#beginItem(indent, content);
    else if (indent === this.#fieldIndent && this.#item) {
      if (isDash) this.#within(content);
      else this.#takeField(content);
    } else if (indent === this.#chartIndent && !isDash) this.#beginChart(content);
    else throw new OddIndex(this.#line, 'an indentation that fits nothing before it');
  }

  #isDashIndent(indent: number): boolean {
    if (this.#dashIndent < 0) return indent >= this.#chartIndent;
    return indent === this.#dashIndent;
  }

  #beginChart(content: string): void {
    this.#endChart();
    const [name, value] = this.#keyOf(content);
    if (value !== '' && value !== '[]' && value !== 'null' && value !== '~')
      throw new OddIndex(this.#line, 'the versions of a chart are not a block');
    if (this.#charts.has(name)) throw this.#twice(name);
    this.#charts.add(name);
    this.#chart = name;
  }

  #beginItem(indent: number, content: string): void {
    this.#endItem();
    const rest = content.slice(1);
    const inner = indentOf(rest);
    if (inner === rest.length) throw new OddIndex(this.#line, 'a version that begins on the next line');
    this.#dashIndent = indent;
    this.#fieldIndent = indent + 1 + inner;
    this.#item = emptyVersion();
    this.#takeField(rest.slice(inner));
  }

  #takeField(content: string): void {
    const [key, value] = this.#keyOf(content);
    if (this.#fields.has(key)) throw this.#twice(key);
    this.#fields.add(key);
    if (key === '<<') throw new OddIndex(this.#line, 'a merge key');
    this.#field = key;
    this.#open = value === '';
    if (value === '') return;
    if (!wanted.has(key)) this.#checkPlain(value);
    else if (key === 'urls') this.#item!.urls = this.#list(value);
    else this.#item![key as Exclude<keyof RawVersion, 'urls'>] = this.#scalar(value);
  }

  /** A line of the block of a field. */
  #within(content: string): void {
    if (!wanted.has(this.#field)) return;
    const item = this.#item!;
    if (this.#field !== 'urls' || !this.#open || !content.startsWith('- '))
      throw new OddIndex(this.#line, `${this.#field} goes over several lines`);
    item.urls.push(this.#scalar(content.slice(2).trim()));
  }

  #endItem(): void {
    const valid = this.#item ? validVersion(this.#item) : undefined;
    if (valid) this.#versions.push(valid);
    this.#item = undefined;
    this.#fieldIndent = -1;
    this.#fields.clear();
  }

  #endChart(): void {
    this.#endItem();
    if (this.#chart !== undefined) this.#sink(this.#chart, this.#versions);
    this.#chart = undefined;
    this.#versions = [];
    this.#dashIndent = -1;
  }

  #keyOf(content: string): [string, string] {
    const match = keyPattern.exec(content);
    if (!match) throw new OddIndex(this.#line, `${JSON.stringify(content.slice(0, 60))} is no key with a value`);
    const key = match[1]!;
    const isQuoted = key.startsWith('"') || key.startsWith("'");
    return [isQuoted ? String(this.#read(key)) : key.trimEnd(), withoutComment(match[2] ?? '')];
  }

  #scalar(text: string): string {
    const first = text[0] ?? '';
    if (/[A-Za-z0-9+./~-]/.test(first)) {
      const plain = withoutComment(text);
      this.#checkPlain(plain);
      return plain === 'null' || plain === '~' ? '' : plain;
    }
    const value = this.#read(text);
    if (value === null || value === undefined) return '';
    if (typeof value === 'object') throw new OddIndex(this.#line, 'not a text');
    return String(value);
  }

  /** A value that is neither quoted nor in flow style is none when it looks like a key. */
  #checkPlain(value: string): void {
    if (value.includes(':') && /^[^"'{[&!|>]/.test(value) && /:(\s|$)/.test(value))
      throw new OddIndex(this.#line, 'a key within a value');
  }

  #list(text: string): string[] {
    const value = this.#read(text);
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value) || value.some(item => typeof item !== 'string'))
      throw new OddIndex(this.#line, 'urls are no list of texts');
    return value;
  }

  /** A value that is quoted, or in flow style, on one line. */
  #read(text: string): unknown {
    try {
      return parse(text, { schema: 'failsafe', maxAliasCount: 0, logLevel: 'silent' });
    } catch {
      throw new OddIndex(this.#line, `${JSON.stringify(text.slice(0, 60))} does not end on its line, or is no value`);
    }
  }

  #twice(key: string): ChartError {
    return new ChartError(
      'InvalidIndex',
      `line ${this.#line}: the key ${JSON.stringify(key.slice(0, 100))} is there twice`,
    );
  }
}

function indentOf(text: string): number {
  let indent = 0;
  while (text.charCodeAt(indent) === 32) indent++;
  return indent;
}

/** Of a value; a `#` within quotes begins no comment. */
function withoutComment(text: string): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('#')) return '';
  if (trimmed.startsWith('"') || trimmed.startsWith("'")) return trimmed;
  const at = trimmed.search(/\s#/);
  return at < 0 ? trimmed : trimmed.slice(0, at).trimEnd();
}
