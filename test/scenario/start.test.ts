import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { kubectlPath } from '../../shared/manifests/layer.ts';
import { until } from './world.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../shared/cli/main.ts', import.meta.url));
const skip = process.env.SLUICE_TEST_TARGET === 'apiserver' ? 'the demo brings its own cluster' : false;

interface Local {
  kubeconfig: string;
  api: string;
  gateway: string;
  webhook: string;
  demoRepository: string;
  notifications: string;
  pid: number;
}

function start(dir: string) {
  const env = { ...process.env, KUBECONFIG: '' };
  const child = spawn(process.execPath, [main, 'start', '--dir', dir, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  let output = '';
  child.stdout.on('data', text => (output += text));
  child.stderr.on('data', text => (output += text));
  const ready = () =>
    until('local.json says that all is ready', () => {
      if (child.exitCode !== null) throw new Error(`start ended with ${child.exitCode}:\n${output}`);
      const file = join(dir, 'local.json');
      if (!existsSync(file)) return undefined;
      const local = JSON.parse(readFileSync(file, 'utf8')) as Local;
      return local.pid === child.pid ? local : undefined;
    });
  const stop = async () => {
    if (child.exitCode !== null) return child.exitCode;
    const gone = new Promise<number | null>(resolve => child.once('exit', resolve));
    child.kill('SIGINT');
    return gone;
  };
  return { ready, stop, output: () => output };
}

test('npm start deploys the demo, a push to it is applied and announced, and a second start goes on', {
  skip,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  const clone = mkdtempSync(join(tmpdir(), 'sluice-clone-'));
  const state = join(dir, 'state');
  const first = start(state);
  after(async () => {
    await first.stop();
    for (const path of [dir, clone]) rmSync(path, { recursive: true, force: true });
  });
  const local = await first.ready();
  const kubectl = await kubectlPath();
  const ask = async (...args: string[]) => (await run(kubectl, ['--kubeconfig', local.kubeconfig, ...args])).stdout;
  await until('the demo is Ready', async () => {
    const status = await ask(
      'get',
      'kustomizations',
      '-A',
      '-o',
      'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}',
    );
    return status.trim() === 'True';
  });

  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-C', clone, ...args], {
      env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
    });
  await git('clone', '-q', local.demoRepository, '.');
  const listed = (await git('ls-files')).stdout.split('\n').filter(file => file.endsWith('.yaml'));
  assert.ok(listed.length > 0);
  const added = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pushed\n  namespace: default\n';
  const folder = listed[0]!.includes('/') ? listed[0]!.slice(0, listed[0]!.lastIndexOf('/')) : '.';
  const kustomizationFile = listed.find(file => file.endsWith('kustomization.yaml'));
  writeFileSync(join(clone, folder, 'pushed.yaml'), added);
  if (kustomizationFile) {
    const text = readFileSync(join(clone, kustomizationFile), 'utf8');
    writeFileSync(join(clone, kustomizationFile), text.replace(/resources:\n/, 'resources:\n  - pushed.yaml\n'));
  }
  await git('add', '.');
  await git('commit', '-qm', 'Add a settings map');
  await git('push', '-q', 'origin', 'HEAD');
  const sha = (await git('rev-parse', 'HEAD')).stdout.trim();
  await until('the push is applied', async () => (await ask('get', 'configmaps', '-A')).includes('pushed'));
  await until('the push is announced', async () =>
    (await (await fetch(local.notifications)).text()).includes(sha.slice(0, 7)),
  );
  await until('its way is printed', () => first.output().includes(sha.slice(0, 7)) && /applied/i.test(first.output()));

  const refused = start(state);
  await until('a second start on the same state is refused', () => refused.output().includes(String(local.pid)));
  assert.notEqual(await refused.stop(), 0);

  assert.equal(await first.stop(), 0);
  assert.ok(!existsSync(join(state, 'local.json')));
  const second = start(state);
  try {
    const again = await second.ready();
    const maps = await run(kubectl, ['--kubeconfig', again.kubeconfig, 'get', 'configmaps', '-A']);
    assert.match(maps.stdout, /pushed/);
  } finally {
    assert.equal(await second.stop(), 0);
  }
});
