import { compileName, type NamePattern } from '../../../artifact/glob.ts';
import { BuildError } from './errors.ts';

/** Whether a pattern is one: a path without these names one file or directory. */
export function isGlob(pattern: string): boolean {
  return /[*?[\]]/.test(pattern);
}

/** A test of whole paths, `/` between names. */
export type PathPattern = (path: string) => boolean;

/**
 * A glob as Go's path.Match reads it, name by name: `**` is nothing but a star within one name. Throws BuildError for one
 * that cannot be read.
 */
export function singleGlob(pattern: string): PathPattern {
  const parts = pattern.split('/').map(part => nameOf(part, pattern));
  return path => {
    const names = path.split('/');
    return names.length === parts.length && parts.every((part, index) => part(names[index]!));
  };
}

/** A glob in which `**` stands for any number of directories, and `{a,b}` for either. Throws BuildError. */
export function deepGlob(pattern: string): PathPattern {
  const tests = alternatives(pattern).map(each => {
    const parts = each.split('/').map(part => (part === '**' ? 'any' : nameOf(part, pattern)));
    return (path: string) => matches(path.split('/'), parts);
  });
  return path => tests.some(test => test(path));
}

function nameOf(part: string, pattern: string): NamePattern {
  if (isBroken(part)) throw new BuildError(`the glob '${pattern}' cannot be read: a bracket or an escape does not end`);
  return compileName(part);
}

/** What compileName matches nothing by: an escape without a character, or a bracket that does not close. */
function isBroken(part: string): boolean {
  for (let at = 0; at < part.length; at++) {
    if (part[at] === '\\' && ++at >= part.length) return true;
    if (part[at] !== '[') continue;
    const close = closingBracket(part, at + 1);
    if (close < 0) return true;
    at = close;
  }
  return false;
}

function closingBracket(part: string, start: number): number {
  let at = part[start] === '!' || part[start] === '^' ? start + 1 : start;
  for (let first = true; at < part.length; at++, first = false) {
    if (part[at] === ']' && !first) return at;
    if (part[at] === '\\') at++;
  }
  return -1;
}

/** How many patterns one with braces may stand for: nested ones multiply. */
const maxAlternatives = 1000;

/** The patterns that one with `{a,b}` stands for. */
function alternatives(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (done.length + open.length > maxAlternatives)
      throw new BuildError(`the glob '${pattern.slice(0, 100)}' stands for more than ${maxAlternatives} patterns`);
    // Innermost first, so that what is left never holds a brace within what was replaced.
    const brace = /\{([^{}]*)\}/.exec(next);
    if (!brace) {
      if (/[{}]/.test(next)) throw new BuildError(`the glob '${pattern}' cannot be read: a brace does not match`);
      done.push(next);
      continue;
    }
    const end = brace.index + brace[0].length;
    for (const choice of brace[1]!.split(',')) open.push(next.slice(0, brace.index) + choice + next.slice(end));
  }
  return done;
}

/** Follows all ways through the pattern at once, so that many `**` cost no more than their number. */
function matches(names: string[], parts: (NamePattern | 'any')[]): boolean {
  let at = closure(new Set([0]), parts);
  for (const name of names) {
    const next = new Set<number>();
    for (const index of at) {
      const part = parts[index];
      if (part === 'any') next.add(index);
      else if (part?.(name)) next.add(index + 1);
    }
    at = closure(next, parts);
    if (at.size === 0) return false;
  }
  return at.has(parts.length);
}

/** `**` may also stand for no directory at all. */
function closure(at: Set<number>, parts: (NamePattern | 'any')[]): Set<number> {
  for (const index of at) if (parts[index] === 'any') at.add(index + 1);
  return at;
}
