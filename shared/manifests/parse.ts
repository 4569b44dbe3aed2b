import { type CollectionTag, isAlias, isMap, isScalar, parseAllDocuments, type ScalarTag, visit } from 'yaml';
import type { KubeObject } from '../api/object.ts';
import { BuildError } from './build-error.ts';
import { type Dialect, InexactNumber, resolvePlain } from './scalars.ts';
import { parseSubset } from './subset.ts';

export interface ParseOptions {
  /** Named in errors. */
  file?: string;
  dialect?: Dialect;
}

/** Nodes that a document may have after its aliases are followed: enough for any real one, too few for a bomb. */
const maxAliases = 1000;
/** Characters of one document; etcd takes no object above 1.5 MiB. */
const maxLength = 64 * 2 ** 20;

/**
 * The objects of a YAML (or JSON) text of several documents, in order. Lists are taken apart; empty documents and
 * documents with comments alone are left out. Throws a {@link BuildError} that names file, document and line.
 */
export function parseManifests(text: string, options: ParseOptions = {}): KubeObject[] {
  return parseDocuments(text, options).flatMap(({ value, position }) => objectsOf(value, position, options));
}

/** One document, whatever it holds. */
export interface ParsedDocument {
  value: unknown;
  /** Counted from 1. */
  position: number;
}

/** The documents of a text that are not empty. */
export function parseDocuments(text: string, options: ParseOptions = {}): ParsedDocument[] {
  if (text.length > maxLength) throw refused(options, `it has ${text.length} characters, more than ${maxLength}`);
  const quick = parseSubset(text);
  if (quick) return quick.flatMap((value, index) => (value === undefined ? [] : [{ value, position: index + 1 }]));
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    customTags: tags => [...tags, ...plainTags(options.dialect ?? 'kubernetes')],
    merge: true,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  return [...documents].flatMap((document, index) => {
    const position = index + 1;
    const failure = document.errors[0];
    if (failure) throw refused(options, `document ${position}: ${firstLine(failure.message)}`, failure);
    if (document.contents === null) return [];
    refuseOddKeys(document, position, options);
    const value = convert(() => document.toJS({ maxAliasCount: maxAliases }), position, options);
    return value === null || value === undefined ? [] : [{ value, position }];
  });
}

type Document = ReturnType<typeof parseAllDocuments>[number];

/** Keys are text in JSON; a map or list as a key has no meaning there. */
function refuseOddKeys(document: Document, position: number, options: ParseOptions): void {
  visit(document, {
    Map(_, map) {
      for (const { key } of map.items)
        if (key !== null && !isScalar(key) && !isAlias(key))
          throw refused(options, `document ${position}: a ${isMap(key) ? 'map' : 'list'} cannot be a key`);
    },
  });
}

function convert<T>(action: () => T, position: number, options: ParseOptions): T {
  try {
    return action();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw refused(options, `document ${position}: ${message}`, error);
  }
}

/** Scalars without quotes, resolved as the dialect says, and the tags that Go knows. */
function plainTags(dialect: Dialect): (ScalarTag | CollectionTag)[] {
  const forced = (name: string, resolve: (text: string, onError: (message: string) => void) => unknown): ScalarTag => ({
    tag: `tag:yaml.org,2002:${name}`,
    resolve,
  });
  const typed = (name: string, fits: (value: unknown) => boolean): ScalarTag =>
    forced(name, (text, onError) => {
      const value = plain(text, onError);
      if (!fits(value)) onError(`"${text}" is no ${name}`);
      return value;
    });
  const plain = (text: string, onError: (message: string) => void) => {
    try {
      return resolvePlain(text, dialect);
    } catch (error) {
      if (!(error instanceof InexactNumber)) throw error;
      onError(error.message);
      return text;
    }
  };
  return [
    { tag: 'tag:yaml.org,2002:plain', default: true, test: /^(?!<<$)/, resolve: plain } as ScalarTag,
    typed('bool', value => typeof value === 'boolean'),
    typed('int', value => Number.isInteger(value)),
    typed('float', value => typeof value === 'number'),
    typed('null', value => value === null),
    forced('timestamp', text => text),
    forced('binary', text => Buffer.from(text, 'base64').toString('utf8')),
  ];
}

function objectsOf(value: unknown, position: number, options: ParseOptions): KubeObject[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused(options, `document ${position} is no object, but ${Array.isArray(value) ? 'a list' : typeof value}`);
  const object = value as Record<string, unknown>;
  if (typeof object.apiVersion !== 'string' || !object.apiVersion)
    throw refused(options, `document ${position} has no apiVersion; every object needs one`);
  if (typeof object.kind !== 'string' || !object.kind)
    throw refused(options, `document ${position} has no kind; every object needs one`);
  if (Array.isArray(object.items) && object.kind.endsWith('List'))
    return object.items.flatMap((item: unknown) => objectsOf(item, position, options));
  const name = (object.metadata as { name?: unknown } | undefined | null)?.name;
  if (typeof name !== 'string' || !name)
    throw refused(options, `document ${position}: the ${object.kind} has no metadata.name`);
  return [object as KubeObject];
}

function refused(options: ParseOptions, what: string, cause?: unknown): BuildError {
  const where = options.file ? `${options.file}: ` : '';
  const file = options.file ? { file: options.file } : {};
  return new BuildError(`${where}${what}`, { ...file, ...(cause === undefined ? {} : { cause }) });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/:$/, '');
}
