import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The content of a file; undefined deletes it. */
export type FileContent =
  | string
  | Buffer
  | { content: string | Buffer; mode: 'executable' | 'symlink' }
  | { submodule: string }
  | undefined;

export interface CommitOptions {
  message?: string;
  branch?: string;
  /** Also tags the commit; with `tagMessage` as an annotated tag. */
  tag?: string;
  tagMessage?: string;
  author?: { name: string; email: string };
  /** Epoch ms; now without it. */
  when?: number;
  /** Drop all files of the commit before, so that `files` is the whole tree. */
  replace?: boolean;
  /** Begin a history of its own, even if the branch exists. */
  orphan?: boolean;
}

/** Makes the bare repository `<root>/<name>.git`, with a first commit unless `files` is empty. Answers its directory. */
export async function createRepository(
  root: string,
  name: string,
  files: Record<string, FileContent> = {},
  options: CommitOptions = {},
): Promise<string> {
  const dir = path.join(root, name.endsWith('.git') ? name : `${name}.git`);
  const branch = options.branch ?? 'main';
  await run('git', ['init', '--quiet', '--bare', `--initial-branch=${branch}`, dir]);
  if (Object.keys(files).length > 0) await commitFiles(dir, files, { message: 'Begin', ...options, branch });
  return dir;
}

/** Commits files onto a branch of a bare repository, in one process and without a checkout. Answers the commit. */
export async function commitFiles(
  dir: string,
  files: Record<string, FileContent>,
  options: CommitOptions = {},
): Promise<string> {
  const ref = `refs/heads/${options.branch ?? 'main'}`;
  const parent = options.orphan ? undefined : (await branchRefs(dir, ref)).get(ref);
  const author = options.author ?? { name: 'Sluice', email: 'sluice@example.com' };
  const person = `${author.name} <${author.email}> ${Math.floor((options.when ?? Date.now()) / 1000)} +0000`;
  const parts: (string | Buffer)[] = [`reset ${ref}\n`, '\n', `commit ${ref}\nmark :1\n`];
  parts.push(`author ${person}\ncommitter ${person}\n`, data(options.message ?? 'Change'));
  if (parent) parts.push(`from ${parent}\n`);
  if (options.replace) parts.push('deleteall\n');
  for (const [file, content] of Object.entries(files)) parts.push(...change(file, content));
  parts.push('\n');
  if (options.tag && options.tagMessage === undefined) parts.push(`reset refs/tags/${options.tag}\nfrom :1\n\n`);
  if (options.tag && options.tagMessage !== undefined)
    parts.push(`tag ${options.tag}\nfrom :1\ntagger ${person}\n`, data(options.tagMessage));
  parts.push('get-mark :1\n', 'done\n');
  return fastImport(dir, parts);
}

function change(file: string, content: FileContent): (string | Buffer)[] {
  // Names in quotes, as C strings.
  const name = `"${file.replace(/[\\"]/g, found => `\\${found}`).replace(/\n/g, '\\n')}"`;
  if (content === undefined) return [`D ${name}\n`];
  if (typeof content === 'object' && 'submodule' in content) return [`M 160000 ${content.submodule} ${name}\n`];
  const plain = typeof content === 'string' || Buffer.isBuffer(content);
  const mode = plain ? '100644' : content.mode === 'symlink' ? '120000' : '100755';
  return [`M ${mode} inline ${name}\n`, data(plain ? content : content.content)];
}

function data(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')]);
}

/** Feeds `git fast-import`; answers what it prints (the marks asked for). */
export async function fastImport(dir: string, parts: Iterable<string | Buffer>): Promise<string> {
  const child = spawn('git', ['--git-dir', dir, 'fast-import', '--quiet', '--done', '--force'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let complaint = '';
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  child.stderr.on('data', chunk => {
    complaint += chunk;
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => {}); // the exit code and stderr tell more
  for (const part of parts)
    if (!child.stdin.write(part))
      await Promise.race([closed, new Promise(resolve => child.stdin.once('drain', resolve))]);
  child.stdin.end();
  const code = await closed;
  if (code !== 0) throw new Error(`git fast-import in ${dir} failed: ${complaint.trim()}`);
  return output.trim();
}

/** The references of a repository and what they point to; all, or those under `prefix`. */
export async function branchRefs(dir: string, prefix?: string): Promise<Map<string, string>> {
  const args = ['--git-dir', dir, 'for-each-ref', '--format=%(refname) %(objectname)', ...(prefix ? [prefix] : [])];
  const { stdout } = await run('git', args, { maxBuffer: 64 * 2 ** 20 });
  const lines = stdout.split('\n').filter(Boolean);
  return new Map(lines.map(line => line.split(' ', 2) as [string, string]));
}
