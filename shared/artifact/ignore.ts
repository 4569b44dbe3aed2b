import { compileName, type NamePattern } from './glob.ts';

/** The file in a repository that names what stays out of its artifact. */
export const ignoreFileName = '.sourceignore';

/** Left out unless a rule of the user says otherwise. */
const versionControl = ['.git/', '.gitignore', '.gitmodules', '.gitattributes'];

/** Left out as long as there is no rule of the user at all. */
const unwanted = [
  ...['*.jpg', '*.jpeg', '*.gif', '*.png', '*.wmv', '*.flv', '*.tar.gz', '*.zip'],
  ...['.github/', '.circleci/', '.travis.yml', '.gitlab-ci.yml', 'appveyor.yml', '.drone.yml'],
  ...['cloudbuild.yaml', 'codeship-services.yml', 'codeship-steps.yml'],
  ...['**/.goreleaser.yml', '**/.sops.yaml', '**/.flux.yaml'],
];

export interface IgnoreOptions {
  /** spec.ignore. */
  specIgnore?: string | undefined;
  /** The .sourceignore files; `dir` without slashes at its ends, '' for the root. */
  sourceignore: { dir: string; text: string }[];
  /** Whether pictures, archives and CI files stay out where nobody gives a rule. Git's own files stay out anyway. */
  defaults: boolean;
}

/** True when the path stays out. `path` is relative to the root, `/` between names. */
export type IgnoreMatcher = (path: string, isDir: boolean) => boolean;

/**
 * Ignore rules as Flux weighs them. A later rule beats an earlier one: the defaults, then each directory's .sourceignore
 * from the root down, then spec.ignore. Two things differ from git itself, and users rely on both:
 * - a file under an ignored directory can be taken in again (`/*` and then `!/deploy/app`);
 * - the defaults for pictures, archives and CI files hold only while the user gives no rule at all; those for Git's own
 *   files always hold, and can be overruled.
 * The patterns themselves mean what gitignore(5) says.
 */
export function ignoreMatcher({ specIgnore, sourceignore, defaults }: IgnoreOptions): IgnoreMatcher {
  const files = sourceignore.map(({ dir, text }) => ({ names: dir === '' ? [] : dir.split('/'), text }));
  files.sort((a, b) => compareNames(a.names, b.names));
  const own = files.flatMap(({ names, text }) => parseRules(text, names));
  own.push(...parseRules(specIgnore ?? '', []));
  const builtIn = defaults && own.length === 0 ? [...versionControl, ...unwanted] : versionControl;
  const rules = [...parseRules(builtIn.join('\n'), []), ...own].reverse();
  return (path, isDir) => {
    const names = path.split('/');
    const decisive = rules.find(rule => rule.matches(names, isDir));
    return decisive !== undefined && !decisive.negated;
  };
}

interface Rule {
  negated: boolean;
  /** Whether the path, or a directory above it, is what the rule names. */
  matches(names: string[], isDir: boolean): boolean;
}

/** Rules of one file that lies in the directory `dir`. */
function parseRules(text: string, dir: string[]): Rule[] {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map(line => line.replace(/\r$/, ''));
  return lines.filter(line => line.trim() !== '' && !line.startsWith('#')).map(line => parseRule(line, dir));
}

function parseRule(line: string, dir: string[]): Rule {
  const negated = line.startsWith('!');
  let pattern = trimEnd(negated ? line.slice(1) : line);
  const dirOnly = pattern.endsWith('/');
  if (dirOnly) pattern = pattern.slice(0, -1);
  const anchored = pattern.includes('/');
  const written = pattern.replace(/^\//, '').split('/');
  const parts = (anchored ? written : ['**', ...written]).map(compilePart);
  const test = partsMatcher(parts, dirOnly);
  return { negated, matches: (names, isDir) => isBelow(names, dir) && test(names, dir.length, isDir) };
}

/** Spaces at the end do not count, unless the last is escaped. */
function trimEnd(pattern: string): string {
  const trimmed = pattern.replace(/ +$/, '');
  const escapes = /\\*$/.exec(trimmed)![0].length;
  return trimmed.length < pattern.length && escapes % 2 === 1 ? `${trimmed} ` : trimmed;
}

function isBelow(names: string[], dir: string[]): boolean {
  return names.length > dir.length && dir.every((name, index) => names[index] === name);
}

type Part = NamePattern | 'any directories';

function compilePart(text: string): Part {
  return text === '**' ? 'any directories' : compileName(text);
}

/**
 * Follows all ways through the pattern at once, name by name: `at[i]` says that the names so far may be matched by the
 * first i parts. A match before the last name is a match of a directory above.
 */
function partsMatcher(parts: Part[], dirOnly: boolean): (names: string[], start: number, isDir: boolean) => boolean {
  const last = parts.length - 1;
  const [first, second] = parts;
  // A name anywhere, as nearly all patterns are: the same in short.
  if (first === 'any directories' && typeof second === 'function' && last === 1)
    return (names, start, isDir) => {
      const end = dirOnly && !isDir ? names.length - 1 : names.length;
      for (let index = start; index < end; index++) if (second(names[index]!)) return true;
      return false;
    };
  return (names, start, isDir) => {
    let at = new Array<boolean>(parts.length + 1).fill(false);
    at[0] = true;
    for (let index = start; index < names.length; index++) {
      const name = names[index]!;
      const next = new Array<boolean>(parts.length + 1).fill(false);
      for (let part = 0; part < parts.length; part++) {
        if (!at[part]) continue;
        const wanted = parts[part]!;
        if (wanted === 'any directories') {
          // `**` at the end takes everything inside; before it, the name may also belong to what follows.
          if (part === last) next[part + 1] = true;
          else {
            next[part] = true;
            at[part + 1] = true;
          }
        } else if (wanted(name)) next[part + 1] = true;
      }
      const named = index === names.length - 1 ? isDir : true;
      if (next[parts.length] && (named || !dirOnly)) return true;
      at = next;
    }
    return false;
  };
}

function compareNames(a: string[], b: string[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    if (a[index]! !== b[index]!) return a[index]! < b[index]! ? -1 : 1;
  }
  return a.length - b.length;
}
