/** Whether labels (or annotations) match. */
export type Selector = (labels: Record<string, string>) => boolean;

const requirement =
  /^\s*(?:(!)\s*([^\s!=,()<>]+)|([^\s!=,()<>]+)\s*(?:(==|=|!=)\s*([^\s,()]*)|(in|notin)\s*\(([^)]*)\)|([<>])\s*(-?\d+))?)\s*(?:,|$)/;

/** A Kubernetes label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. Throws an Error that quotes what is wrong. */
export function parseSelector(text: string): Selector {
  const tests: Selector[] = [];
  let rest = text;
  while (rest.trim() !== '') {
    const match = requirement.exec(rest);
    if (!match) throw new Error(`invalid selector "${text}" at "${rest.trim()}"`);
    tests.push(testOf(match));
    rest = rest.slice(match[0].length);
  }
  return labels => tests.every(test => test(labels));
}

function testOf(match: RegExpExecArray): Selector {
  const [, not, absent, key, operator, value, within, list, order, number] = match;
  if (not) return labels => labels[absent!] === undefined;
  if (operator === '!=') return labels => labels[key!] !== value;
  if (operator) return labels => labels[key!] === value;
  if (within) {
    const values = new Set(list!.split(',').map(each => each.trim()));
    return within === 'in'
      ? labels => labels[key!] !== undefined && values.has(labels[key!]!)
      : labels => !values.has(labels[key!] as string);
  }
  if (order)
    return labels =>
      /^-?\d+$/.test(labels[key!] ?? '') &&
      (order === '>' ? Number(labels[key!]) > Number(number) : Number(labels[key!]) < Number(number));
  return labels => labels[key!] !== undefined;
}
