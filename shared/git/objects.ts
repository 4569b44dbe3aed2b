import { foreignText, GitError } from './errors.ts';
import { isOid } from './refs.ts';

/** Who wrote a commit, and when. */
export interface Person {
  name: string;
  email: string;
  /** Epoch ms. */
  when: number;
  /** Minutes east of UTC. */
  offset: number;
}

export interface Commit {
  oid: string;
  tree: string;
  parents: string[];
  author: Person;
  committer: Person;
  message: string;
  /** The object as it is stored, for the verification of signatures. */
  raw: Buffer;
}

export type EntryMode = 'file' | 'executable' | 'symlink' | 'submodule';

/** One line of a tree object. */
export interface TreeLine {
  name: string;
  mode: EntryMode | 'directory';
  oid: string;
}

/** Parses a commit object. */
export function parseCommit(oid: string, raw: Buffer): Commit {
  const text = raw.toString('utf8');
  const end = text.indexOf('\n\n');
  const head = (end < 0 ? text : text.slice(0, end)).split('\n');
  const values = (name: string) =>
    head.filter(line => line.startsWith(`${name} `)).map(line => line.slice(name.length + 1));
  const tree = values('tree')[0] ?? '';
  if (!isOid(tree)) throw new GitError('Corrupt', `commit ${oid} names no tree`);
  return {
    oid,
    tree,
    parents: values('parent').filter(isOid),
    author: parsePerson(values('author')[0] ?? ''),
    committer: parsePerson(values('committer')[0] ?? ''),
    message: end < 0 ? '' : text.slice(end + 2),
    raw,
  };
}

function parsePerson(text: string): Person {
  const match = /^(.*?) ?<([^>]*)> (-?\d{1,15}) ([+-])(\d{2})(\d{2})/.exec(text);
  if (!match) return { name: text, email: '', when: 0, offset: 0 };
  const [, name = '', email = '', seconds, sign, hours, minutes] = match;
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
  return { name, email, when: Number(seconds) * 1000, offset };
}

/** What an annotated tag points to. */
export function parseTag(oid: string, raw: Buffer): { object: string; type: string } {
  const match = /^object ([0-9a-f]{40})\ntype (\w+)\n/.exec(raw.toString('latin1', 0, 100));
  if (!match?.[1] || !match[2]) throw new GitError('Corrupt', `tag ${oid} names no object`);
  return { object: match[1], type: match[2] };
}

const modes: Record<string, TreeLine['mode'] | undefined> = {
  '40000': 'directory',
  '040000': 'directory',
  '100644': 'file',
  '100664': 'file',
  '100755': 'executable',
  '120000': 'symlink',
  '160000': 'submodule',
};

/**
 * Parses a tree object; its lines in Git's order, in which a directory sorts as if its name ended with a slash, so that
 * a walk meets the paths in the order of their bytes. Names that must not reach a disk are refused.
 */
export function parseTree(oid: string, raw: Buffer, dir: string): TreeLine[] {
  const lines: TreeLine[] = [];
  for (let position = 0; position < raw.length; ) {
    const space = raw.indexOf(0x20, position);
    const nul = space < 0 ? -1 : raw.indexOf(0, space);
    if (nul < 0 || nul + 21 > raw.length) throw new GitError('Corrupt', `tree ${oid} is cut off`);
    const digits = raw.toString('latin1', position, space);
    const name = raw.toString('utf8', space + 1, nul);
    const mode = modes[digits] ?? (/^10[0-7]{4}$/.test(digits) ? fileMode(digits) : undefined);
    if (!mode) throw new GitError('Corrupt', `tree ${oid} holds an entry of unknown mode ${foreignText(digits, 10)}`);
    checkName(name, dir);
    lines.push({ name, mode, oid: raw.toString('hex', nul + 1, nul + 21) });
    position = nul + 21;
  }
  return inOrder(lines, dir);
}

/** Old repositories hold other permission bits; as Git does, only the owner's x counts. */
function fileMode(digits: string): EntryMode {
  return Number.parseInt(digits, 8) & 0o100 ? 'executable' : 'file';
}

function inOrder(lines: TreeLine[], dir: string): TreeLine[] {
  const names = new Set<string>();
  for (const { name } of lines) {
    if (names.has(name)) throw new GitError('UnsafePath', `the tree holds ${quoted(dir, name)} twice`);
    names.add(name);
  }
  const keys = lines.map(line => ({ line, key: Buffer.from(line.mode === 'directory' ? `${line.name}/` : line.name) }));
  keys.sort((a, b) => a.key.compare(b.key));
  return keys.map(({ line }) => line);
}

/** Code points that HFS+ ignores in names, so that `.g‌it` would be `.git` there. */
const ignorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** Refuses names by which a tree could reach out of its directory or into Git's own, here or on other file systems. */
function checkName(name: string, dir: string): void {
  const problem = nameProblem(name);
  if (problem)
    throw new GitError('UnsafePath', `the tree holds ${quoted(dir, name)}, ${problem}; remove it from the repository`);
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'an entry without a name';
  if (name.includes('/')) return 'a name with a slash';
  if (name === '.' || name === '..') return 'which leads out of its directory';
  // Windows reads backslashes as separators, and drops dots and spaces at the end of a name.
  for (const part of name.split('\\')) {
    const plain = part
      .normalize('NFKC')
      .replace(ignorable, '')
      .toLowerCase()
      .replace(/[. ]+$/, '')
      .replace(/:.*$/, '');
    if (plain === '.git' || plain === 'git~1') return "which stands for Git's own directory";
    if (part === '..' && name !== part) return 'which leads out of its directory where a backslash separates';
  }
  if (/^[a-z]:\\|^\\\\/i.test(name)) return 'an absolute path where a backslash separates';
  return undefined;
}

function quoted(dir: string, name: string): string {
  return JSON.stringify(foreignText(dir === '' ? name : `${dir}/${name}`, 200));
}
