import { Document, parseDocument, type ScalarTag, type Tags } from 'yaml';
import { ChartError, type ChartErrorCode } from './errors.ts';

/** A value of YAML. Mappings are Maps, so that no key of theirs can be mistaken for a property of objects. */
export type Value = null | boolean | number | bigint | string | Value[] | Values;
export type Values = Map<string, Value>;

/** Octal numbers of YAML 1.2, which Go knows as well. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7_]+$/,
  resolve: text => {
    const value = BigInt(text.replaceAll('_', '').replace(/^[-+]/, ''));
    return text.startsWith('-') ? -value : value;
  },
};

/** Helm reads YAML 1.1, in which dates and times stay texts. */
const tags = (known: Tags): Tags => [
  octal,
  ...known.filter(
    tag => typeof tag === 'string' || !(tag.format === 'TIME' || /:(timestamp|set|omap|pairs)$/.test(tag.tag)),
  ),
];

/**
 * Parses YAML as Helm does; keys become texts. Numbers that JavaScript cannot hold stay exact. `what` names the text in
 * messages. Throws ChartError with `code`; aliases are bounded.
 */
export function parseYaml(text: string, what: string, code: ChartErrorCode): Value {
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    intAsBigInt: true,
    customTags: tags,
    logLevel: 'silent',
  });
  try {
    if (document.errors[0]) throw document.errors[0];
    return asValue(document.toJS({ mapAsMap: true, maxAliasCount: 100 }));
  } catch (cause) {
    const why = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
    throw new ChartError(code, `cannot load '${what}': ${why}`, { cause });
  }
}

/** As {@link parseYaml}, of a text that holds a mapping or nothing. */
export function parseMapping(text: string, what: string, code: ChartErrorCode): Values {
  const value = parseYaml(text, what, code);
  if (value === null) return new Map();
  if (value instanceof Map) return value;
  throw new ChartError(code, `cannot load '${what}': it holds no mapping of names to values`);
}

/** Writes a mapping so that readers of YAML 1.1 and of 1.2 read the same. */
export function writeYaml(values: Values): string {
  if (values.size === 0) return '';
  const document = new Document(values, { version: '1.1', customTags: tags, aliasDuplicateObjects: false });
  return document.toString({ lineWidth: 0, directives: false });
}

/** What a mapping has under a key, as a text: a number or a boolean is what it is written like. */
export function textAt(values: Values, key: string): string {
  const value = values.get(key);
  return value === null || value === undefined || typeof value === 'object' ? '' : String(value);
}

/** Mappings under a key that holds a list. */
export function mappingsAt(values: Values, key: string): Values[] {
  const value = values.get(key);
  return Array.isArray(value) ? value.filter(item => item instanceof Map) : [];
}

function asValue(value: unknown): Value {
  if (value instanceof Map)
    return new Map([...value].map(([key, item]) => [keyOf(key), asValue(item)] as [string, Value]));
  if (Array.isArray(value)) return value.map(asValue);
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return typeof value === 'object' ? null : (value as Value);
}

function keyOf(key: unknown): string {
  if (typeof key === 'object' && key !== null) throw new Error('a mapping has a key that is no text');
  return String(key);
}
