import { GitError } from './errors.ts';

/** One submodule as .gitmodules names it. */
export interface Submodule {
  /** Where it lies in the tree. */
  path: string;
  /** As written: absolute, or relative to the repository's own. */
  url: string;
}

/** The file that names the submodules, at the root of a tree. */
export const submoduleFile = '.gitmodules';
/** Bytes; a larger file is none that people wrote. */
export const maxSubmoduleFile = 256 * 1024;

/**
 * The submodules of a .gitmodules file, by path. It is in the form of Git's configuration (git-config(1), "Syntax"), of
 * which everything but `path` and `url` is passed over: names, branches and how to update mean nothing without a checkout.
 * As in Git a later line wins over an earlier one. Throws GitError Corrupt, which names the line.
 */
export function parseSubmodules(text: string): Map<string, Submodule> {
  const sections = new Map<string, Partial<Submodule>>();
  let section: Partial<Submodule> | undefined;
  const lines = text.replace(/^\ufeff/, '').split('\n');
  for (let index = 0; index < lines.length; index++) {
    const start = index;
    let rest = lines[index]!.replace(/\r$/, '').trim();
    if (rest.startsWith('[')) {
      const end = headerEnd(rest);
      if (end < 0) throw malformed(start, 'a section without an end');
      section = sectionOf(rest.slice(1, end), sections);
      rest = rest.slice(end + 1).trim();
    }
    if (rest === '' || rest.startsWith('#') || rest.startsWith(';')) continue;
    const name = /^[A-Za-z][A-Za-z0-9-]*/.exec(rest)?.[0];
    if (name === undefined) throw malformed(start, 'neither a section nor a variable');
    let written = rest.slice(name.length).trimStart();
    if (written === '') continue; // a variable without a value, which is true
    if (!written.startsWith('=')) throw malformed(start, 'a variable without "="');
    written = written.slice(1).trimStart();
    let value = readValue(written);
    // A backslash at the end takes in the next line.
    while (value === 'continued' && index + 1 < lines.length) {
      written = `${written.slice(0, -1)}${lines[++index]!.replace(/\r$/, '')}`;
      value = readValue(written);
    }
    if (value === 'malformed' || value === 'continued') throw malformed(start, 'a value that is not closed');
    if (name.toLowerCase() === 'path' && section) section.path = value.text.replace(/\/+$/, '');
    if (name.toLowerCase() === 'url' && section) section.url = value.text;
  }
  const found = new Map<string, Submodule>();
  for (const { path, url } of sections.values()) if (path && url) found.set(path, { path, url });
  return found;
}

/** Where the bracket closes that the line begins with; one within quotes does not. */
function headerEnd(line: string): number {
  let quoted = false;
  for (let at = 1; at < line.length; at++) {
    if (quoted && line[at] === '\\') at++;
    else if (line[at] === '"') quoted = !quoted;
    else if (line[at] === ']' && !quoted) return at;
  }
  return -1;
}

/** What the section collects; undefined for one that names no submodule. */
function sectionOf(header: string, sections: Map<string, Partial<Submodule>>): Partial<Submodule> | undefined {
  const match = /^submodule\s+"(.*)"$/is.exec(header.trim());
  if (!match) return undefined;
  const name = match[1]!.replace(/\\(.)/g, '$1');
  const known = sections.get(name) ?? {};
  sections.set(name, known);
  return known;
}

/** A value: quotes and escapes resolved, a comment and spaces at its end taken away. */
function readValue(written: string): { text: string } | 'continued' | 'malformed' {
  const escapes: Record<string, string> = { n: '\n', t: '\t', b: '\b', '"': '"', '\\': '\\' };
  let text = '';
  /** What of the text is more than spaces. */
  let kept = 0;
  let quoted = false;
  for (let at = 0; at < written.length; at++) {
    const character = written[at]!;
    if (character === '\\') {
      if (at === written.length - 1) return 'continued';
      const meant = escapes[written[++at]!];
      if (meant === undefined) return 'malformed';
      text += meant;
      kept = text.length;
    } else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === '#' || character === ';')) break;
    else {
      text += character;
      if (quoted || !/\s/.test(character)) kept = text.length;
    }
  }
  return quoted ? 'malformed' : { text: text.slice(0, kept) };
}

function malformed(index: number, what: string): GitError {
  return new GitError('Corrupt', `${submoduleFile} cannot be read: line ${index + 1} holds ${what}`);
}
