import { Environment, Optional } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';

/** How `matches` and the clock are called in what rewrite.ts makes of an expression. */
export const safeMatches = 'matchesRe2';
export const inTime = 'sluiceInTime';

/** One evaluation may take this long; a worker has other tenants' work to do. */
const limitMs = 1000;
let endsAt = Number.POSITIVE_INFINITY;

/** Evaluates with the clock set. Evaluation is synchronous, so there is only ever one. */
export function withinTime<T>(evaluate: () => T): T {
  endsAt = performance.now() + limitMs;
  return evaluate();
}

/**
 * What a loop goes over, as long as there is time. Asked before the first element: `all` and `exists` go on after an element
 * that failed, so an error within the loop would end nothing.
 */
function inTimeOnly(range: unknown): unknown {
  if (performance.now() > endsAt) throw new Error(`it took longer than ${limitMs} ms`);
  return range;
}

const environments = new Map<string, Environment>();

/** The functions that Flux's expressions have: CEL's own, and the extensions for strings, sets, encodings and optionals. */
export function environmentOf(variables: readonly string[] | undefined): Environment {
  const key = variables?.join(',') ?? '*';
  let environment = environments.get(key);
  if (!environment) {
    environment = newEnvironment(variables);
    environments.set(key, environment);
  }
  return environment;
}

class Sets {}
class Base64 {}

function newEnvironment(variables: readonly string[] | undefined): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: variables === undefined,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
  });
  for (const name of variables ?? []) environment.registerVariable(name, 'dyn');
  environment.registerFunction(`${inTime}(dyn): dyn`, inTimeOnly);
  addStrings(environment);
  environment.registerFunction('list.first(): optional<dyn>', (list: unknown[]) => Optional.of(list[0]));
  environment.registerFunction('list.last(): optional<dyn>', (list: unknown[]) => Optional.of(list.at(-1)));
  environment.registerType('Sets', Sets).registerConstant('sets', 'Sets', new Sets());
  addSets(environment);
  environment.registerType('Base64', Base64).registerConstant('base64', 'Base64', new Base64());
  environment.registerFunction('Base64.encode(bytes): string', (_: unknown, bytes: Uint8Array) =>
    Buffer.from(bytes).toString('base64'),
  );
  environment.registerFunction('Base64.decode(string): bytes', (_: unknown, text: string) =>
    Uint8Array.from(Buffer.from(text, 'base64')),
  );
  return environment;
}

function addStrings(environment: Environment): void {
  const matches = (text: string, pattern: string) => RE2JS.compile(pattern).matcher(text).find();
  environment.registerFunction(`string.${safeMatches}(string): bool`, matches);
  environment.registerFunction('matches(string, string): bool', matches);
  environment.registerFunction('string.charAt(int): string', (text: string, at: bigint) => {
    const index = Number(at);
    const characters = [...text];
    if (index < 0 || index > characters.length) throw new Error(`index out of range: ${index}`);
    return characters[index] ?? '';
  });
  environment.registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.replaceAll(from, () => to),
  );
  environment.registerFunction(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, count: bigint) => replaceSome(text, from, to, Number(count)),
  );
  environment.registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''));
}

/** The first `count` of them; a negative count means all. */
function replaceSome(text: string, from: string, to: string, count: number): string {
  if (count < 0) return text.replaceAll(from, () => to);
  let left = count;
  return text.replaceAll(from, found => (left-- > 0 ? to : found));
}

function addSets(environment: Environment): void {
  const holds = (list: unknown[], value: unknown) => list.some(item => same(item, value));
  const contains = (list: unknown[], other: unknown[]) => other.every(value => holds(list, value));
  environment.registerFunction('Sets.contains(list, list): bool', (_: unknown, a: unknown[], b: unknown[]) =>
    contains(a, b),
  );
  environment.registerFunction(
    'Sets.equivalent(list, list): bool',
    (_: unknown, a: unknown[], b: unknown[]) => contains(a, b) && contains(b, a),
  );
  environment.registerFunction('Sets.intersects(list, list): bool', (_: unknown, a: unknown[], b: unknown[]) =>
    a.some(value => holds(b, value)),
  );
}

/** Equality of what JSON can hold; integers and doubles of one value are equal. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'bigint' && typeof b === 'number') return Number(a) === b;
  if (typeof a === 'number' && typeof b === 'bigint') return a === Number(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [left, right] = [Object.entries(a), b as Record<string, unknown>];
  return (
    Array.isArray(a) === Array.isArray(b) &&
    left.length === Object.keys(right).length &&
    left.every(([key, value]) => Object.hasOwn(right, key) && same(value, right[key]))
  );
}
