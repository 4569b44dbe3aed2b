import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import { peakMemory } from './processes.ts';
import { type Figure, median } from './table.ts';

const run = promisify(execFile);
const worker = fileURLToPath(new URL('../fixtures/git-worker.ts', import.meta.url));
const rounds = 3;

interface Cost {
  seconds: number;
  /** MiB, resident, at most. */
  peak: number;
  /** Of the pack. */
  bytes: number;
}

interface Shape {
  name: string;
  files: number;
  content(n: number): Buffer | string;
}

/** Files that do not compress, and as many as a large monorepo of manifests has. */
const shapes: Shape[] = [
  { name: '100 MB', files: 2000, content: n => randomBytes(50_000 + (n % 2)) },
  { name: '100,000 files', files: 100_000, content: n => `kind: ConfigMap\ndata:\n  n: "${n}"\n`.repeat(5) },
];

/**
 * Large trees, commits of one file on them, and such that move every file: what a worker in a fresh process needs to make the
 * artifact, from nothing and as the difference to the last commit, and what `git clone --depth 1` does, by turns.
 */
export async function benchLarge(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const root = join(dir, 'repositories');
  mkdirSync(root);
  const server = await startGitServer({ root });
  try {
    const figures: Figure[] = [];
    for (const [index, shape] of shapes.entries()) {
      const name = `large-${index}.git`;
      const files = Object.fromEntries(
        Array.from({ length: shape.files }, (_, n) => [`dir-${n % 50}/sub-${n % 500}/file-${n}`, shape.content(n)]),
      );
      const repo = await createRepository(root, name, files, { branch: 'main' });
      const work = join(dir, `work-${index}`);
      mkdirSync(work);
      figures.push(...figuresOf(shape, await measure(shape, files, repo, `${server.url}/${name}`, work)));
    }
    return figures;
  } finally {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Measured {
  whole: Cost[];
  difference: Cost[];
  moved: Cost[];
  clone: Cost[];
}

type Files = Record<string, Buffer | string>;

async function measure(shape: Shape, files: Files, repo: string, url: string, dir: string): Promise<Measured> {
  const measured: Measured = { whole: [], difference: [], moved: [], clone: [] };
  for (let round = 0; round < rounds; round++) {
    const state = join(dir, `state-${round}`);
    const commit = (n: number) =>
      commitFiles(repo, { 'dir-7/sub-7/file-7': `${shape.content(n)} ${round} ${n}` }, { branch: 'main' });
    measured.whole.push(await workOn(state, url, await commit(1)));
    measured.difference.push(await workOn(state, url, await commit(2)));
    const move = { branch: 'main', replace: true };
    measured.moved.push(await workOn(state, url, await commitFiles(repo, elsewhere(files, round), move)));
    measured.clone.push(await gitClone(join(dir, `clone-${round}`), url));
  }
  return measured;
}

/** The same contents in other directories, in another order. */
function elsewhere(files: Files, round: number): Files {
  const moved = Object.values(files).map((content, n) => [`moved-${round}/${(n * 7919) % 61}/file-${n}`, content]);
  return Object.fromEntries(moved);
}

function figuresOf({ name: shape }: Shape, { whole, difference, moved, clone }: Measured): Figure[] {
  const middle = (costs: Cost[], what: keyof Cost) => median(costs.map(cost => cost[what]));
  const figures: Figure[] = [];
  const ours = { whole, 'one file changed': difference, 'every file moved': moved };
  for (const [name, costs] of Object.entries({ ...ours, 'git clone --depth 1': clone }))
    figures.push(
      { name: `${shape}, ${name}: sent by the server`, value: middle(costs, 'bytes') / 2 ** 20, unit: 'MiB' },
      { name: `${shape}, ${name}: time`, value: middle(costs, 'seconds'), unit: 's' },
      { name: `${shape}, ${name}: peak memory`, value: middle(costs, 'peak'), unit: 'MiB' },
    );
  for (const what of ['bytes', 'seconds', 'peak'] as const)
    for (const [name, costs] of Object.entries(ours))
      figures.push({
        name: `${shape}, ${what}: ${name} / git clone`,
        value: middle(costs, what) / middle(clone, what),
        unit: '×',
      });
  return figures;
}

async function workOn(state: string, url: string, oid: string): Promise<Cost> {
  const { stdout } = await run(process.execPath, [worker, state, url, oid]);
  const { seconds, peak, packs } = JSON.parse(stdout);
  return { seconds, peak, bytes: packs.at(-1) };
}

async function gitClone(into: string, url: string): Promise<Cost> {
  const start = performance.now();
  const child = spawn('git', ['clone', '--quiet', '--depth', '1', url, into], { stdio: 'inherit' });
  const { peak } = await peakMemory(
    child.pid!,
    () =>
      new Promise<void>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`git clone ended with ${code}`))));
      }),
  );
  const seconds = (performance.now() - start) / 1000;
  const packs = join(into, '.git/objects/pack');
  const bytes = readdirSync(packs).filter(name => name.endsWith('.pack'));
  const cost = { seconds, peak, bytes: statSync(join(packs, bytes[0]!)).size };
  rmSync(into, { recursive: true });
  return cost;
}
