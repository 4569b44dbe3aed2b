import { parseAllDocuments, stringify } from 'yaml';
import { BuildError } from './errors.ts';

type Values = Record<string, unknown>;

/**
 * YAML merged over YAML as Helm merges values: maps key by key, everything else is replaced; null is a value like any
 * other. The documents of one file are merged into each other first. Throws BuildError for what is no YAML, or no map.
 */
export function mergeYaml(base: Buffer, overlay: Buffer, where: { base: string; overlay: string }): Buffer {
  const merged = mergeValues(valuesOf(base, where.base), valuesOf(overlay, where.overlay));
  return Buffer.from(stringify(merged, { sortMapEntries: true, lineWidth: 0, indentSeq: false }));
}

function valuesOf(text: Buffer, path: string): Values {
  let merged: Values = {};
  // Few aliases: a small file may otherwise stand for a huge one.
  for (const document of parseAllDocuments(text.toString('utf8'), { logLevel: 'silent' })) {
    const problem = document.errors?.[0];
    if (problem) throw new BuildError(`'${path}' is no YAML: ${problem.message}`);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) continue;
    if (!isMap(value)) throw new BuildError(`'${path}' holds a document that is no map, which cannot be merged`);
    merged = mergeValues(merged, value);
  }
  return merged;
}

function mergeValues(base: Values, overlay: Values): Values {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(overlay)) {
    const before = merged.get(key);
    merged.set(key, isMap(value) && isMap(before) ? mergeValues(before, value) : value);
  }
  return Object.fromEntries(merged);
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
