import * as z from 'zod';
import { Config, regions } from './config-schema.ts';

/** What is wrong with one option. */
export interface Problem {
  path: PropertyKey[];
  message: string;
}

/** The problems of a configuration that the schema refused. `value` is what it was given. */
export function explainAll(error: z.ZodError, value: unknown): Problem[] {
  return error.issues.flatMap(issue => explain(issue, value));
}

function explain(issue: z.core.$ZodIssue, value: unknown): Problem[] {
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({ path: [...path, key], message: noSuchOption(key, optionsAt(path)) }));
  const given = valueAt(value, path);
  if (path.join('.') === 'region') return [{ path, message: noSuchRegion(given) }];
  if (issue.code === 'invalid_key') return [{ path, message: issue.issues.map(inner => inner.message).join('; ') }];
  if (issue.code === 'invalid_value')
    return [{ path, message: `is ${show(given)}; it has to be one of ${issue.values.join(', ')}` }];
  if (issue.code === 'invalid_type' && given === undefined) return [{ path, message: 'is missing' }];
  if (issue.code === 'invalid_type')
    return [{ path, message: `is ${show(given)}; it has to be ${kinds[issue.expected] ?? issue.expected}` }];
  if (issue.code === 'too_small' && issue.origin !== 'array')
    return [{ path, message: `is ${show(given)}; it has to be at least ${issue.minimum}` }];
  if (issue.code === 'too_big' && issue.message.startsWith('Too big'))
    return [{ path, message: `is ${show(given)}; it may be at most ${issue.maximum}` }];
  if (issue.code === 'too_small') return [{ path, message: issue.message }];
  return [{ path, message: `is ${show(given)}; it ${issue.message}` }];
}

const kinds: Record<string, string> = {
  object: 'a mapping of options',
  array: 'a list',
  string: 'text; put it in quotes',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  record: 'a mapping',
};

function show(value: unknown): string {
  if (value === null) return 'empty';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | null | undefined)?.[part], value);
}

function noSuchOption(key: string, options: readonly string[]): string {
  const near = nearest(key, options);
  return near
    ? `there is no such option; did you mean ${near}?`
    : `there is no such option; there ${options.length === 1 ? 'is' : 'are'} ${options.join(', ')}`;
}

function noSuchRegion(given: unknown): string {
  if (typeof given !== 'string') return `is ${show(given)}; it has to be the name of a region, like eu-west-1`;
  const near = nearest(given, regions);
  const area = regions.filter(name => name.split('-')[0] === given.split('-')[0]);
  const some =
    area.length > 0
      ? `there ${area.join(', ')}`
      : `for example ${['us-east-1', 'eu-west-1', 'ap-northeast-1'].join(', ')}`;
  return `${show(given)} is no region that is known${near ? `; did you mean ${near}?` : ';'} (${some})`;
}

/** Names of the options of the mapping at `path`. */
function optionsAt(path: readonly PropertyKey[]): string[] {
  let schema: z.core.$ZodType | undefined = Config;
  for (const part of path) {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject) schema = inner.shape[String(part)] as z.core.$ZodType | undefined;
    else if (inner instanceof z.ZodArray) schema = inner.element;
    else return [];
  }
  const inner = unwrap(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** The schema without what makes it optional or gives it a default. */
export function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
    inner = inner.unwrap();
  return inner;
}

/** The option whose name takes the fewest changes of letters, when that is few enough to be a slip, or begins as the word does. */
export function nearest(word: string, options: readonly string[]): string | undefined {
  const scored = options
    .map(option => ({ option, distance: distance(word.toLowerCase(), option.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  if (best && best.distance <= Math.max(1, Math.floor(word.length / 3))) return best.option;
  return word.length < 3 ? undefined : options.find(option => option.toLowerCase().startsWith(word.toLowerCase()));
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === other ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
