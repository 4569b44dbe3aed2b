import { badRequest } from './faults.ts';

/** A label selector: an object's labels satisfy it, or not. */
export interface LabelSelector {
  (labels: Record<string, string> | undefined): boolean;
  /** Each `key=value` that everything selected has; lists find candidates by them. */
  equalities: [key: string, value: string][];
}

type Requirement = (labels: Record<string, string>) => boolean;

const everything: LabelSelector = Object.assign(() => true, { equalities: [] });

/**
 * Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. Throws a 400 Fault.
 */
export function parseLabelSelector(text: string | undefined): LabelSelector {
  if (!text?.trim()) return everything;
  const parts = splitOutsideParentheses(text);
  const requirements = parts.map(parseRequirement);
  const [only] = requirements;
  const equalities = parts.flatMap((part): [string, string][] => {
    const [, key, operator, value] = equality.exec(part) ?? [];
    return key && value && (operator === '=' || operator === '==') ? [[key, value]] : [];
  });
  const matches = (labels: Record<string, string> | undefined): boolean =>
    requirements.length === 1 ? only!(labels ?? {}) : requirements.every(requirement => requirement(labels ?? {}));
  return Object.assign(matches, { equalities });
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map(part => part.trim()).filter(part => part !== '');
}

const setBased = /^([A-Za-z0-9._/-]+)\s+(in|notin)\s*\(([^()]*)\)$/;
const equality = /^([A-Za-z0-9._/-]+)\s*(==|=|!=|>|<)\s*([A-Za-z0-9._-]*)$/;
const existence = /^(!?)\s*([A-Za-z0-9._/-]+)$/;

function parseRequirement(text: string): Requirement {
  const set = setBased.exec(text);
  if (set) return membership(set[1]!, set[2] === 'in', set[3]!);
  const equal = equality.exec(text);
  if (equal) return comparison(equal[1]!, equal[2]!, equal[3]!);
  const exists = existence.exec(text);
  if (exists) {
    const wanted = exists[1] !== '!';
    const key = exists[2]!;
    return labels => Object.hasOwn(labels, key) === wanted;
  }
  throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is no label selector requirement`);
}

function membership(key: string, wanted: boolean, list: string): Requirement {
  const values = new Set(list.split(',').map(value => value.trim()));
  return labels => (Object.hasOwn(labels, key) && values.has(labels[key]!)) === wanted;
}

function comparison(key: string, operator: string, value: string): Requirement {
  switch (operator) {
    case '!=':
      return labels => labels[key] !== value;
    case '>':
      return labels => Object.hasOwn(labels, key) && Number(labels[key]) > Number(value);
    case '<':
      return labels => Object.hasOwn(labels, key) && Number(labels[key]) < Number(value);
    default:
      return labels => labels[key] === value;
  }
}

/** metav1.LabelSelector (matchLabels, matchExpressions) as the text of a label selector, as status.selector shows it. */
export function formatLabelSelector(selector: unknown): string {
  const { matchLabels = {}, matchExpressions = [] } = (selector ?? {}) as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values?: string[] }[];
  };
  const parts = Object.entries(matchLabels).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  for (const { key, operator, values = [] } of matchExpressions) {
    const list = `(${[...values].sort().join(',')})`;
    if (operator === 'Exists') parts.push({ key, text: key });
    else if (operator === 'DoesNotExist') parts.push({ key, text: `!${key}` });
    else parts.push({ key, text: `${key} ${operator === 'In' ? 'in' : 'notin'} ${list}` });
  }
  return parts
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(part => part.text)
    .join(',');
}

/** One term of a field selector: `path` equals `value`, or not. */
export interface FieldTerm {
  path: string;
  equal: boolean;
  value: string;
}

/** Parses `metadata.name=x,status.phase!=Running`. Throws a 400 Fault. */
export function parseFieldSelector(text: string | undefined): FieldTerm[] {
  if (!text) return [];
  return text
    .split(/(?<!\\),/)
    .filter(term => term !== '')
    .map(term => {
      const match = /^(.*?)(!=|==|=)(.*)$/.exec(term);
      if (!match) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
      return { path: match[1]!, equal: match[2] !== '!=', value: match[3]!.replaceAll(/\\(.)/g, '$1') };
    });
}
