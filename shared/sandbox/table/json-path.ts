type Step = (value: unknown) => unknown[];

const compiled = new Map<string, Step[]>();

/**
 * The values that a printer column's JSONPath finds: fields, indexes, wildcards, filters by equality and `..`, which is what
 * CustomResourceDefinitions use. A path that finds nothing finds an empty list.
 */
export function evaluate(path: string, object: unknown): unknown[] {
  let steps = compiled.get(path);
  if (!steps) {
    steps = compile(path);
    compiled.set(path, steps);
  }
  let values: unknown[] = [object];
  for (const step of steps) values = values.flatMap(step);
  return values;
}

function compile(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .replace(/^\$/, '');
  while (rest !== '') {
    const [step, length] = nextStep(rest);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function nextStep(text: string): [Step, number] {
  if (text.startsWith('[')) {
    const end = closing(text);
    return [bracket(text.slice(1, end)), end + 1];
  }
  const recursive = /^\.\.((?:\\.|[^.[\]])+)/.exec(text);
  if (recursive) return [descend(withoutEscapes(recursive[1]!)), recursive[0].length];
  const field = /^\.?((?:\\.|[^.[\]])+)/.exec(text);
  if (!field) return [value => [value], 1];
  const name = withoutEscapes(field[1]!);
  return [name === '*' ? all : value => get(value, name), field[0].length];
}

function withoutEscapes(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1');
}

function closing(text: string): number {
  let quote = '';
  for (let i = 1; i < text.length; i++) {
    const char = text[i]!;
    if (quote) quote = char === quote ? '' : quote;
    else if (char === "'" || char === '"') quote = char;
    else if (char === ']') return i;
  }
  return text.length;
}

function bracket(inner: string): Step {
  const text = inner.trim();
  if (text === '*') return all;
  if (/^-?\d+$/.test(text)) return value => (Array.isArray(value) ? present(value.at(Number(text))) : []);
  const quoted = /^(['"])(.*)\1$/.exec(text);
  if (quoted) return value => get(value, quoted[2]!);
  const slice = /^(-?\d*):(-?\d*)$/.exec(text);
  if (slice)
    return value =>
      Array.isArray(value) ? value.slice(Number(slice[1] || 0), slice[2] ? Number(slice[2]) : undefined) : [];
  const filter = /^\?\(\s*@\.?(.*?)\s*(?:(==|!=)\s*(.*?))?\s*\)$/.exec(text);
  return filter ? matching(filter[1]!, filter[2], filter[3]) : () => [];
}

function matching(path: string, operator: string | undefined, literal: string | undefined): Step {
  const steps = compile(path.startsWith('[') ? path : `.${path}`);
  const wanted = literal?.replace(/^(['"])(.*)\1$/, '$2');
  return value => {
    const items = Array.isArray(value)
      ? value
      : typeof value === 'object' && value !== null
        ? Object.values(value)
        : [];
    return items.filter(item => {
      let found: unknown[] = [item];
      for (const step of steps) found = found.flatMap(step);
      if (!operator) return found.length > 0;
      const equal = found.some(one => String(one) === wanted);
      return operator === '==' ? equal : !equal;
    });
  };
}

function present(value: unknown): unknown[] {
  return value === undefined ? [] : [value];
}

function get(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) return value.flatMap(item => get(item, name));
  return typeof value === 'object' && value !== null ? present((value as Record<string, unknown>)[name]) : [];
}

function all(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function descend(name: string): Step {
  const search = (value: unknown): unknown[] => {
    if (typeof value !== 'object' || value === null) return [];
    const own = Array.isArray(value) ? [] : get(value, name);
    return [...own, ...Object.values(value).flatMap(search)];
  };
  return search;
}
