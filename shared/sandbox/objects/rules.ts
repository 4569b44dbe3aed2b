import { Environment } from '@marcbachmann/cel-js';
import type { FieldError, FieldErrorType } from './field-error.ts';
import { sameValue } from './same-value.ts';
import type { Schema, ValidationRule } from './schema.ts';
import { correlate, join, regExpOf } from './schema-errors.ts';

type Fields = Record<string, unknown>;
type Program = (context: Record<string, unknown>) => unknown;

interface Rule extends ValidationRule {
  program: Program | undefined;
  compileError: string | undefined;
  /** Compares with the old value, so that it holds for updates only. */
  transition: boolean;
  message?: string;
  messageProgram?: Program | undefined;
}

/** What of `value` breaks the `x-kubernetes-validations` of its schema; `old` is the stored value of an update. */
export function ruleErrors(schema: Schema, value: unknown, old?: unknown): FieldError[] {
  if (!hasRules(schema)) return [];
  const errors: FieldError[] = [];
  walk(schema, value, old, '', errors);
  return errors;
}

const rulesKey = Symbol('rules');
const anyRulesKey = Symbol('any rules');

/** Whether this schema or one below it has rules; schemas of custom resources have no cycles. */
export function hasRules(schema: Schema): boolean {
  const known = schema.derived.get(anyRulesKey);
  if (known !== undefined) return known as boolean;
  schema.derived.set(anyRulesKey, false);
  const raw = schema.raw;
  const found =
    (raw['x-kubernetes-validations']?.length ?? 0) > 0 ||
    [...schema.fields.values()].some(field => hasRules(field.schema)) ||
    (raw.items !== undefined && hasRules(schema.items)) ||
    (typeof raw.additionalProperties === 'object' && schema.element !== undefined && hasRules(schema.element));
  schema.derived.set(anyRulesKey, found);
  return found;
}

function walk(schema: Schema, value: unknown, old: unknown, path: string, errors: FieldError[]): void {
  if (value === undefined || value === null || !hasRules(schema)) return;
  for (const rule of rulesOf(schema)) evaluate(schema, rule, value, old, path, errors);
  if (Array.isArray(value)) {
    const before = correlate(schema, old);
    for (const [i, item] of value.entries()) walk(schema.items, item, before(item, i), `${path}[${i}]`, errors);
    return;
  }
  if (typeof value !== 'object') return;
  const before = typeof old === 'object' && old !== null ? (old as Fields) : {};
  for (const [name, item] of Object.entries(value)) {
    const field = schema.field(name);
    const type = field?.schema ?? (schema.raw.additionalProperties ? schema.element : undefined);
    if (type) walk(type, item, before[name], field ? join(path, name) : `${path}[${name}]`, errors);
  }
}

function evaluate(schema: Schema, rule: Rule, value: unknown, old: unknown, path: string, errors: FieldError[]): void {
  if (rule.transition && old === undefined && !rule.optionalOldSelf) return;
  // What did not change may stay wrong, unless the rule is about the change.
  if (!rule.transition && old !== undefined && sameValue(value, old)) return;
  const type = schema.raw.type ?? '';
  const report = (reported: FieldErrorType, detail: string, what: unknown = type) =>
    errors.push({ type: reported, field: path || '<nil>', value: what, detail });
  const text = ruleText(rule);
  if (!rule.program) {
    report('FieldValueInvalid', `rule compile error: ${rule.compileError}`);
    return;
  }
  const self = toCel(schema, value);
  const oldSelf = rule.optionalOldSelf ? undefined : old === undefined ? null : toCel(schema, old);
  try {
    if (rule.program({ self, oldSelf }) === true) return;
  } catch (error) {
    report('FieldValueInvalid', `${firstLine(error)} evaluating rule: ${text}`);
    return;
  }
  const field = ((rule.fieldPath ? path + rule.fieldPath : path) || '<nil>').replace(/^\./, '');
  const shown = type === 'object' || type === 'array' ? {} : { value };
  errors.push({ type: reasonOf(rule), field, ...shown, detail: messageOf(rule, self, oldSelf) });
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.replace(/^No such key/, 'no such key');
}

function reasonOf(rule: Rule): FieldErrorType {
  const reasons: FieldErrorType[] = ['FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'];
  return reasons.find(reason => reason === rule.reason) ?? 'FieldValueInvalid';
}

function messageOf(rule: Rule, self: unknown, oldSelf: unknown): string {
  if (rule.messageProgram) {
    try {
      const text = rule.messageProgram({ self, oldSelf });
      if (typeof text === 'string' && text.trim() && !text.includes('\n')) return text.trim();
    } catch {
      // As for a message that is not there.
    }
  }
  return rule.message?.trim() || `failed rule: ${ruleText(rule)}`;
}

function ruleText(rule: Rule): string {
  return rule.rule.trim();
}

function rulesOf(schema: Schema): Rule[] {
  const known = schema.derived.get(rulesKey) as Rule[] | undefined;
  if (known) return known;
  const rules = (schema.raw['x-kubernetes-validations'] ?? []).map(compileRule);
  schema.derived.set(rulesKey, rules);
  return rules;
}

function compileRule(rule: ValidationRule): Rule {
  const transition = /\boldSelf\b/.test(rule.rule);
  const messageProgram = rule.messageExpression ? tryParse(rule.messageExpression).program : undefined;
  return { ...rule, transition, messageProgram, ...tryParse(rule.rule) };
}

function tryParse(text: string): { program: Program | undefined; compileError: string | undefined } {
  try {
    return { program: environment().parse(text) as unknown as Program, compileError: undefined };
  } catch (error) {
    return { program: undefined, compileError: error instanceof Error ? error.message : String(error) };
  }
}

/** Why a rule cannot be compiled; undefined when it can. For the validation of CustomResourceDefinitions. */
export function ruleCompileError(rule: string): string | undefined {
  return tryParse(rule).compileError;
}

let shared: Environment | undefined;

/** CEL with the variables of validation rules and those of Kubernetes' own functions that are simple. */
function environment(): Environment {
  if (shared) return shared;
  const env = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
  env.registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn');
  registerLists(env);
  registerStrings(env);
  registerUrls(env);
  shared = env;
  return env;
}

function registerLists(env: Environment): void {
  const ascending = (list: unknown[]) => list.every((item, i) => i === 0 || compare(list[i - 1], item) <= 0);
  env.registerFunction('list.isSorted(): bool', ascending);
  env.registerFunction('list.sum(): dyn', (list: unknown[]) =>
    list.reduce((a, b) => (a as bigint) + (b as bigint), typeof list[0] === 'number' ? 0 : 0n),
  );
  env.registerFunction('list.min(): dyn', (list: unknown[]) => list.reduce((a, b) => (compare(a, b) <= 0 ? a : b)));
  env.registerFunction('list.max(): dyn', (list: unknown[]) => list.reduce((a, b) => (compare(a, b) >= 0 ? a : b)));
  env.registerFunction('list.indexOf(dyn): int', (list: unknown[], item: unknown) =>
    BigInt(list.findIndex(one => sameValue(one, item))),
  );
}

function compare(a: unknown, b: unknown): number {
  return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
}

function registerStrings(env: Environment): void {
  env.registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => regExpOf(pattern)?.exec(text)?.[0] ?? '',
  );
  env.registerFunction('string.findAll(string): list', (text: string, pattern: string) => {
    const found = regExpOf(pattern);
    return found ? [...text.matchAll(new RegExp(found.source, `${found.flags}g`))].map(match => match[0]) : [];
  });
  tryRegister(env, 'string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.replaceAll(from, to),
  );
  tryRegister(env, 'string.lowerAscii(): string', (text: string) => text.toLowerCase());
  tryRegister(env, 'string.upperAscii(): string', (text: string) => text.toUpperCase());
}

function registerUrls(env: Environment): void {
  env.registerFunction('isURL(string): bool', (text: string) => URL.canParse(text) || /^\/[^/]/.test(text));
  env.registerType('kubernetes.URL', URL);
  env.registerFunction('url(string): kubernetes.URL', (text: string) => new URL(text));
  env.registerFunction('kubernetes.URL.getScheme(): string', (url: URL) => url.protocol.replace(/:$/, ''));
  env.registerFunction('kubernetes.URL.getHost(): string', (url: URL) => url.host);
  env.registerFunction('kubernetes.URL.getHostname(): string', (url: URL) => url.hostname);
  env.registerFunction('kubernetes.URL.getPort(): string', (url: URL) => url.port);
  env.registerFunction('kubernetes.URL.getEscapedPath(): string', (url: URL) => url.pathname);
}

/** Some functions are the library's own already, in some of its versions. */
function tryRegister(env: Environment, signature: string, handler: (...args: never[]) => unknown): void {
  try {
    env.registerFunction(signature, handler as never);
  } catch {
    // The library's own does the same.
  }
}

/** A value as the rules see it: whole numbers are ints, field names are escaped, metadata is its name alone. */
function toCel(schema: Schema, value: unknown): unknown {
  if (typeof value === 'number') {
    const whole = schema.raw.type === 'integer' || (schema.raw.type !== 'number' && Number.isInteger(value));
    return whole ? BigInt(value) : value;
  }
  if (typeof value === 'string') return schema.raw.format === 'date-time' ? new Date(value) : value;
  if (Array.isArray(value)) return value.map(item => toCel(schema.items, item));
  if (typeof value !== 'object' || value === null) return value;
  const result: Fields = {};
  for (const [name, item] of Object.entries(value)) {
    const field = schema.field(name);
    const type = field?.schema ?? schema.element;
    if (!type) continue;
    if (type.raw['x-sluice-object-meta']) {
      const { name: objectName, generateName } = item as Fields;
      result[name] = {
        ...(objectName !== undefined ? { name: objectName } : {}),
        ...(generateName !== undefined ? { generateName } : {}),
      };
    } else result[field ? escapedName(name) : name] = toCel(type, item);
  }
  return result;
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

function escapedName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  if (!/[.\-/]|__/.test(name)) return name;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
