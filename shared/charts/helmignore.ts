import { compileName } from '../artifact/glob.ts';
import { ChartError } from './errors.ts';

export const helmIgnoreName = '.helmignore';

interface Rule {
  negated: boolean;
  directoriesOnly: boolean;
  matches(path: string): boolean;
}

/**
 * Says what .helmignore leaves out of a chart. Its rules are Helm's, not Git's: the first that matches decides, a `!`
 * leaves out all that it does not match, and there is no double star. Throws ChartError InvalidChart.
 */
export function helmIgnore(text: string): (path: string, isDirectory: boolean) => boolean {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  // What Helm leaves out by itself: hidden files among the templates.
  const rules = [...lines, 'templates/.?*'].map(ruleOf).filter(rule => rule !== undefined);
  return (path, isDirectory) => {
    for (const { negated, directoriesOnly, matches } of rules) {
      const applies = !directoriesOnly || isDirectory;
      if (negated) {
        if (!applies || !matches(path)) return true;
      } else if (applies && matches(path)) return true;
    }
    return false;
  };
}

function ruleOf(line: string): Rule | undefined {
  let pattern = line.trim();
  if (pattern === '' || pattern.startsWith('#')) return undefined;
  if (pattern.includes('**'))
    throw new ChartError(
      'InvalidChart',
      'cannot load ignore rules for chart: double-star (**) syntax is not supported',
    );
  const negated = pattern.startsWith('!');
  if (negated) pattern = pattern.slice(1);
  const directoriesOnly = pattern.endsWith('/');
  if (directoriesOnly) pattern = pattern.slice(0, -1);
  const whole = pattern.includes('/');
  const parts = pattern.replace(/^\//, '').split('/').map(compileName);
  const matches = (path: string) => {
    const names = whole ? path.split('/') : path.split('/').slice(-1);
    return names.length === parts.length && parts.every((part, at) => part(names[at]!));
  };
  return { negated, directoriesOnly, matches };
}
