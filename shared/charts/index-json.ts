import * as z from 'zod';
import { ChartError } from './errors.ts';
import { type ChartSink, emptyVersion, type IndexedVersion, validVersion } from './index-version.ts';

/** A version's own text may be this long, in characters. */
const maxVersionText = 8 * 2 ** 20;

const text = z.preprocess(value => (typeof value === 'string' ? value : ''), z.string());
const Version = z.looseObject({
  name: text,
  version: text,
  type: text,
  created: text,
  digest: text,
  urls: z.preprocess(value => (Array.isArray(value) ? value : []), z.array(z.unknown())),
});

/**
 * Reads an index in JSON as it comes, one version at a time: only the brackets around versions are followed, and the
 * text of each version is parsed by itself.
 */
export class JsonIndexReader {
  readonly #sink: ChartSink;
  readonly #charts = new Set<string>();
  apiVersion = '';
  hasEntries = false;
  #stack = '';
  #inString = false;
  #escaped = false;
  /** Characters of the string, or of the version, that is being read; undefined when they do not matter. */
  #parts: string[] | undefined;
  #partsLength = 0;
  #lastText = '';
  #topKey = '';
  #chart: string | undefined;
  #versions: IndexedVersion[] = [];
  #ended = false;

  constructor(sink: ChartSink) {
    this.#sink = sink;
  }

  /** Takes a piece of the text. Throws ChartError InvalidIndex. */
  push(chunk: string): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const code = chunk.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (code === 92) this.#escaped = true;
        else if (code === 34) {
          this.#inString = false;
          if (this.#parts && this.#stack.length <= 2) {
            this.#keep(chunk.slice(from, at + 1));
            this.#lastText = String(this.#parse());
          }
        }
        continue;
      }
      if (code === 34) {
        this.#inString = true;
        if (this.#stack.length <= 2) {
          this.#parts = [];
          this.#partsLength = 0;
          from = at;
        }
      } else if (code === 123 || code === 91) {
        if (this.#open(code === 123 ? '{' : '[')) from = at;
      } else if (code === 125 || code === 93) {
        const isVersion = this.#parts !== undefined && this.#stack === '{{[{';
        if (isVersion) this.#keep(chunk.slice(from, at + 1));
        this.#close(code === 125 ? '{' : '[', isVersion);
      } else if (code === 58) this.#colon();
      else if (code === 44) this.#comma();
      else if (this.#ended && code > 32) throw invalid('there is more after the end of the JSON');
    }
    if (this.#parts) this.#keep(chunk.slice(from));
  }

  end(): void {
    if (!this.#ended) throw invalid('the JSON ends too early');
  }

  /** True when a version begins, whose text is kept. */
  #open(bracket: string): boolean {
    if (this.#ended) throw invalid('there is more after the end of the JSON');
    if (this.#stack === '' && bracket === '[') throw invalid('the JSON is a list');
    this.#stack += bracket;
    if (this.#stack.length > 1000) throw invalid('the JSON is nested too deeply');
    if (this.#stack === '{{' && this.#topKey === 'entries') {
      if (this.hasEntries) throw invalid('the key "entries" is there twice');
      this.hasEntries = true;
    }
    if (this.#stack !== '{{[{' || this.#topKey !== 'entries') return false;
    this.#parts = [];
    this.#partsLength = 0;
    return true;
  }

  #close(bracket: string, isVersion: boolean): void {
    if (!this.#stack.endsWith(bracket)) throw invalid('the brackets of the JSON do not match');
    if (isVersion) this.#endVersion();
    if (this.#stack === '{{[' || this.#stack === '{{') this.#endChart();
    if (this.#stack === '{') this.#comma();
    this.#stack = this.#stack.slice(0, -1);
    this.#ended = this.#stack === '';
  }

  #colon(): void {
    if (this.#stack.length <= 2 && this.#lastText === '') throw invalid('not JSON: a key is not in quotes');
    if (this.#stack === '{') this.#topKey = this.#lastText;
    else if (this.#stack === '{{' && this.#topKey === 'entries') {
      const name = this.#lastText;
      if (this.#charts.has(name)) throw invalid(`the key ${JSON.stringify(name.slice(0, 100))} is there twice`);
      this.#charts.add(name);
      this.#chart = name;
    }
    this.#lastText = '';
  }

  #comma(): void {
    if (this.#stack === '{' && this.#topKey === 'apiVersion') this.apiVersion ||= this.#lastText;
    if (this.#stack === '{{') this.#endChart();
  }

  #endVersion(): void {
    const raw = Version.safeParse(this.#parse());
    if (!raw.success) throw invalid('a version is no object');
    const urls = raw.data.urls.filter(url => typeof url === 'string');
    const { name, version, type, created, digest } = raw.data;
    const valid = validVersion({ ...emptyVersion(), name, version, type, created, digest, urls });
    if (valid) this.#versions.push(valid);
  }

  #endChart(): void {
    if (this.#chart !== undefined) this.#sink(this.#chart, this.#versions);
    this.#chart = undefined;
    this.#versions = [];
  }

  #keep(part: string): void {
    this.#partsLength += part.length;
    if (this.#partsLength > maxVersionText) throw invalid('a version, or a key, is longer than can be read');
    this.#parts!.push(part);
  }

  #parse(): unknown {
    const kept = this.#parts!.join('');
    this.#parts = undefined;
    try {
      return JSON.parse(kept);
    } catch (cause) {
      throw new ChartError('InvalidIndex', `not JSON: ${(cause as Error).message}`, { cause });
    }
  }
}

function invalid(why: string): ChartError {
  return new ChartError('InvalidIndex', why);
}
