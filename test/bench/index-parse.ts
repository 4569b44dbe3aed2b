/**
 * A Helm index of 50 MB, of the shape that Bitnami's has had: how long until a chart can be looked up in it, and what memory
 * that takes, beside Helm itself and the YAML library that reads everything else. Each in a process of its own.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { storeLookup } from '../../shared/charts/index-lookup.ts';
import { localPorts } from '../../shared/local/local-ports.ts';
import { mostMemory } from '../fixtures/most-memory.ts';
import { helm, helmPath } from '../programs/helm.ts';
import { startHelmRepository } from '../programs/helm-repository.ts';
import type { Figure } from './table.ts';

const execute = promisify(execFile);
const program = fileURLToPath(import.meta.url);

/** An index of about `bytes`: 100 versions of each chart, with the annotations and dependencies that charts carry. */
export function largeIndex(bytes: number): string {
  const parts = ['apiVersion: v1\nentries:\n'];
  let size = 0;
  for (let chart = 0; size < bytes; chart++) {
    const text = `  chart-${chart}:\n${Array.from({ length: 100 }, (_, n) => versionOf(chart, 100 - n)).join('')}`;
    parts.push(text);
    size += text.length;
  }
  return `${parts.join('')}generated: "2024-05-01T10:11:12.123456789Z"\n`;
}

function versionOf(chart: number, minor: number): string {
  const name = `chart-${chart}`;
  return `  - annotations:
      category: Database
      images: |
        - name: ${name}
          image: docker.io/example/${name}:1.${minor}.0-debian-12-r0
        - name: os-shell
          image: docker.io/example/os-shell:12-debian-12-r${minor}
      licenses: Apache-2.0
    apiVersion: v2
    appVersion: 1.${minor}.0
    created: "2024-05-01T10:11:12.123456789Z"
    dependencies:
    - name: common
      repository: oci://registry.example.com/charts
      tags:
      - common
      version: 2.x.x
    description: Chart ${chart} is an open source object-relational database known for reliability and
      data integrity.
    digest: ${String(chart * 1000 + minor).padStart(64, 'a')}
    home: https://example.com
    icon: https://example.com/assets/stacks/${name}/img/${name}-stack-220x234.png
    keywords:
    - database
    - sql
    maintainers:
    - name: Example, Inc.
      url: https://github.com/example/charts
    name: ${name}
    sources:
    - https://github.com/example/charts/tree/main/example/${name}
    urls:
    - https://charts.example.com/${name}-1.${minor}.0.tgz
    version: 1.${minor}.0
`;
}

/** Measures them one after the other. */
export async function benchIndex(bytes = 50e6): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-index-bench-'));
  const server = await startHelmRepository(dir);
  try {
    const file = join(dir, 'index.yaml');
    writeFileSync(file, largeIndex(bytes));
    const ours = await inProcess('ours', file);
    const library = await inProcess('library', file);
    await helm(dir, 'repo', 'add', 'large', server.url);
    const home = join(dir, '.helm');
    const env = { ...process.env, HOME: home, HELM_CONFIG_HOME: home, HELM_CACHE_HOME: home, HELM_DATA_HOME: home };
    const began = performance.now();
    const memory = await memoryOf(await helmPath(), ['search', 'repo', 'large/chart-7', '--version', '1.50.0'], env);
    const searched = (performance.now() - began) / 1000;
    return [
      { name: 'index of 50 MB: digested into lookups', value: ours.seconds, unit: 's' },
      { name: 'index of 50 MB: peak memory of that process', value: ours.mebibytes, unit: 'MiB' },
      { name: 'index of 50 MB: `helm search repo`', value: searched, unit: 's' },
      { name: "index of 50 MB: helm's time by ours", value: searched / ours.seconds, unit: '×' },
      ...(memory === undefined
        ? []
        : [{ name: "index of 50 MB: helm's memory by ours", value: memory / ours.mebibytes, unit: '×' as const }]),
      { name: "index of 50 MB: the YAML library's time by ours", value: library.seconds / ours.seconds, unit: '×' },
      {
        name: "index of 50 MB: the YAML library's memory by ours",
        value: library.mebibytes / ours.mebibytes,
        unit: '×',
      },
    ];
  } finally {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function inProcess(how: 'ours' | 'library', file: string): Promise<{ seconds: number; mebibytes: number }> {
  const args = ['--max-old-space-size=8192', program, how, file];
  const { stdout } = await execute(process.execPath, args, { maxBuffer: 1 << 20 });
  return JSON.parse(stdout);
}

/** The peak of a program that is not ours, in MiB, as the kernel tells while it runs; undefined where it does not. */
async function memoryOf(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<number | undefined> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  let peak: number | undefined;
  const timer = setInterval(() => {
    try {
      peak = mostMemory(child.pid) || peak;
    } catch {
      // It has ended, or this is not Linux.
    }
  }, 5);
  const code = await new Promise(resolve => child.once('close', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
  return peak || undefined;
}

/** The child process. */
async function run(how: string, file: string): Promise<void> {
  const began = performance.now();
  if (how === 'library') {
    const { parse } = await import('yaml');
    parse(readFileSync(file, 'utf8'));
  } else {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-index-bench-'));
    const ports = localPorts({ dir, publicUrl: 'http://127.0.0.1' });
    await storeLookup(ports.store, 'indexes/', `sha256:${'0'.repeat(64)}`, file);
    ports.close();
    rmSync(dir, { recursive: true, force: true });
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ seconds, mebibytes: mostMemory() }));
}

if (process.argv[1] === program) await run(process.argv[2] ?? '', process.argv[3] ?? '');
