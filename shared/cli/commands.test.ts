import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { localPorts } from '../local/local-ports.ts';
import type { IndexedObject, ObjectSummary } from '../ports/index.ts';
import type { Io } from './command.ts';

const commands = ['cluster', 'install', 'status', 'logs', 'resync', 'check', 'dead-letters'] as const;
type Name = (typeof commands)[number];

const scratch = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

interface Result {
  exit: number;
  out: string;
  err: string;
}

async function sluice(name: Name, args: string[], env: Io['env'] = {}, cwd = scratch): Promise<Result> {
  const { run } = await import(`./${name}.ts`);
  const out: string[] = [];
  const err: string[] = [];
  const exit = await run(args, {
    out: (line: string) => out.push(line),
    err: (line: string) => err.push(line),
    env,
    cwd,
  });
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

const golden = new URL('../../test/golden/cli/', import.meta.url);

/** Compares with what is kept; UPDATE_GOLDEN=1 keeps what is. */
function assertGolden(name: string, text: string): void {
  const file = new URL(`${name}.txt`, golden);
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(golden, { recursive: true });
    writeFileSync(file, `${text}\n`);
  }
  assert.equal(`${text}\n`, readFileSync(file, 'utf8'));
}

let states = 0;
function newState(): string {
  return join(scratch, `state-${states++}`);
}

const minute = 60_000;

function indexed(cluster: string, path: string, change: Partial<ObjectSummary> = {}): IndexedObject {
  const [kind = '', namespace = '', name = ''] = path.split('/');
  const summary: ObjectSummary = {
    ready: 'True',
    reason: 'Succeeded',
    message: 'stored artifact for revision',
    revision: 'main@sha1:0123456789abcdef0123456789abcdef01234567',
    suspended: false,
    createdAt: Date.now() - 5 * minute,
    since: Date.now() - minute,
    ...change,
  };
  const record = { uid: path, generation: 1, resourceVersion: '1', dueAt: 0, refs: [], urls: [], summary };
  return { key: { cluster, kind, namespace, name }, ...record };
}

async function filledState(): Promise<string> {
  const dir = newState();
  const ports = localPorts({ dir, publicUrl: '' });
  for (const name of ['staging', 'production'])
    await ports.index.addCluster({
      name,
      access: { type: 'kubeconfig', secret: `cluster-${name}`, context: `${name}-admin` },
      changes: 'watch',
      addedAt: Date.now() - 3 * 3600_000,
    });
  await ports.secrets.put('cluster-staging', 'secret text');
  const objects = [
    indexed('production', 'GitRepository/flux-system/apps'),
    indexed('production', 'Kustomization/flux-system/web', {
      ready: 'False',
      reason: 'HealthCheckFailed',
      message: 'health check failed: Deployment/shop/web status: \u001b[31mFailed\nsecond line',
    }),
    indexed('production', 'Kustomization/flux-system/db', { ready: 'Unknown', reason: '', message: '', revision: '' }),
    indexed('production', 'Provider/flux-system/slack', { ready: 'Unknown', reason: '', message: '', revision: '' }),
    indexed('staging', 'Kustomization/flux-system/web', { ready: 'False', suspended: true, reason: 'X', message: 'y' }),
  ];
  for (const object of objects) await ports.index.putObject(object);
  ports.close();
  return dir;
}

describe('every command', () => {
  for (const name of commands) {
    it(`${name} explains itself`, async () => {
      const { exit, out, err } = await sluice(name, ['--help']);
      assert.deepEqual([exit, err], [0, '']);
      assertGolden(`${name}-help`, out);
      assert.ok(
        out.split('\n').every(line => line.length <= 130),
        'lines fit a terminal',
      );
    });

    it(`${name} has a summary`, async () => {
      const { summary } = await import(`./${name}.ts`);
      assert.match(summary, /^[a-z].{10,80}[^.]$/);
    });

    it(`${name} refuses unknown options with exit code 2`, async () => {
      const args = name === 'cluster' ? ['list', '--nonsense'] : ['--nonsense'];
      const { exit, err } = await sluice(name, args);
      assert.equal(exit, 2);
      assert.match(err, /unknown option '--nonsense'/);
      assert.match(err, new RegExp(`sluice ${name} --help`));
    });
  }

  it('says what to do when there is no installation', async () => {
    for (const [name, args] of [
      ['status', []],
      ['resync', []],
      ['check', []],
      ['dead-letters', []],
      ['cluster', ['list']],
    ] as [Name, string[]][]) {
      const { exit, err } = await sluice(name, [...args, '--dir', 'nowhere']);
      assert.equal(exit, 1);
      assert.match(err, /there is no installation in .*nowhere; start one with `sluice start`/);
    }
  });

  it('takes the state directory from SLUICE_DIR', async () => {
    const { out } = await sluice('cluster', ['list'], { SLUICE_DIR: await filledState() });
    assert.match(out, /production/);
  });
});

describe('sluice status', () => {
  it('prints a table', async () => {
    const { exit, out } = await sluice('status', ['--dir', await filledState()]);
    assert.equal(exit, 0);
    assertGolden('status', out);
  });

  it('prints what failed, and says so by its exit code', async () => {
    const dir = await filledState();
    const failed = await sluice('status', ['--failed', '--dir', dir]);
    assert.equal(failed.exit, 1);
    assertGolden('status-failed', failed.out);
    const healthy = await sluice('status', ['--failed', '--cluster', 'staging', '--dir', dir]);
    assert.deepEqual([healthy.exit, healthy.out], [0, 'all 1 objects are ready or suspended']);
  });

  it('prints JSON', async () => {
    const { out } = await sluice('status', ['-o', 'json', '--dir', await filledState()]);
    const objects: Record<string, unknown>[] = JSON.parse(out);
    assert.equal(objects.length, 5);
    const broken = objects.find(object => object.name === 'web' && object.cluster === 'production')!;
    assert.match(String(broken.message), /second line/);
    assert.equal(broken.revision, 'main@sha1:0123456789abcdef0123456789abcdef01234567');
    assert.match(String(broken.since), /^\d{4}-\d\d-\d\dT/);
    assert.equal(objects.find(object => object.kind === 'Provider')!.ready, null);
  });

  it('refuses what it does not know', async () => {
    const dir = await filledState();
    const cluster = await sluice('status', ['--cluster', 'prod', '--dir', dir]);
    assert.equal(cluster.exit, 1);
    assert.match(cluster.err, /no cluster "prod" is registered; there is production, staging/);
    const format = await sluice('status', ['-o', 'yaml', '--dir', dir]);
    assert.equal(format.exit, 2);
    assert.match(format.err, /table or json/);
  });

  it('tells which clusters do not answer, with --live', async () => {
    const dir = await filledState();
    const { exit, err } = await sluice('status', ['--live', '--cluster', 'production', '--dir', dir]);
    assert.equal(exit, 1);
    assert.match(err, /cluster "production": .*kubeconfig.*missing/);
  });
});

const unreachable = stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'main',
  contexts: [
    { name: 'main', context: { cluster: 'c', user: 'u' } },
    { name: 'lost', context: { cluster: 'absent', user: 'u' } },
    { name: 'plugin', context: { cluster: 'c', user: 'plugin' } },
  ],
  clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }],
  users: [
    { name: 'u', user: { token: 'very-secret-token' } },
    { name: 'plugin', user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin' } } },
  ],
});

describe('sluice cluster', () => {
  writeFileSync(join(scratch, 'config'), unreachable);
  writeFileSync(join(scratch, 'broken'), 'clusters: [very-secret-token');
  const table: [string, string[], 1 | 2, RegExp][] = [
    ['no command', [], 2, /name a command: add, list or remove/],
    ['an unknown command', ['rename'], 2, /unknown command "cluster rename"/],
    ['a name of Object.prototype', ['constructor'], 2, /unknown command/],
    ['no name', ['add', '--kubeconfig', 'config'], 2, /name the cluster/],
    ['a name that is no DNS label', ['add', 'Prod_1', '--kubeconfig', 'config'], 2, /DNS label/],
    ['a name that is too long', ['add', 'a'.repeat(64), '--kubeconfig', 'config'], 2, /at most 63/],
    ['two names', ['add', 'a', 'b', '--kubeconfig', 'config'], 2, /unexpected argument "b"/],
    ['no kubeconfig', ['add', 'prod'], 2, /--kubeconfig FILE/],
    ['a kubeconfig without a value', ['add', 'prod', '--kubeconfig'], 2, /--kubeconfig/],
    ['a file that is not there', ['add', 'prod', '--kubeconfig', 'absent'], 1, /cannot be read.*absent/],
    ['a file that is none', ['add', 'prod', '--kubeconfig', 'broken'], 1, /broken is not a kubeconfig/],
    [
      'a context that is not there',
      ['add', 'prod', '--kubeconfig', 'config', '--context', 'x'],
      1,
      /no context "x"; it has main, lost, plugin/,
    ],
    [
      'a context without its cluster',
      ['add', 'prod', '--kubeconfig', 'config', '--context', 'lost'],
      1,
      /names the cluster "absent"/,
    ],
    [
      'a server that does not answer',
      ['add', 'prod', '--kubeconfig', 'config'],
      1,
      /API server of "prod" \(http:\/\/127.0.0.1:1\) does not answer/,
    ],
    [
      'an exec plugin that is not there',
      ['add', 'prod', '--kubeconfig', 'config', '--context', 'plugin'],
      1,
      /^error: cannot sign in as user "plugin" of the kubeconfig: exec plugin "no-such-plugin" is not installed/,
    ],
    ['an unknown way of changes', ['add', 'prod', '--kubeconfig', 'config', '--changes', 'push'], 2, /sweep or watch/],
    ['two ways', ['add', 'prod', '--eks', 'main', '--kubeconfig', 'config'], 2, /two ways/],
    [
      'a region without EKS',
      ['add', 'prod', '--kubeconfig', 'config', '--region', 'eu-west-1'],
      2,
      /--region is about EKS/,
    ],
    ['EKS without a region', ['add', 'prod', '--eks', 'main'], 2, /--region REGION/],
    [
      'a region that is none',
      ['add', 'prod', '--eks', 'main', '--region', 'eu-west-1.evil.example'],
      2,
      /is no AWS region/,
    ],
    [
      'a name that EKS cannot have',
      ['add', 'prod', '--eks', 'a b', '--region', 'eu-west-1'],
      2,
      /name of an EKS cluster/,
    ],
    [
      'a role that is none',
      ['add', 'prod', '--eks', 'main', '--region', 'eu-west-1', '--role-arn', 'admin'],
      2,
      /"admin" is no ARN of a role/,
    ],
    ['removing nobody', ['remove'], 2, /name the cluster/],
  ];
  for (const [name, args, exit, message] of table)
    it(`refuses ${name}`, async () => {
      const result = await sluice('cluster', [...args, ...(args.length > 1 ? ['--dir', newState()] : [])]);
      assert.equal(result.exit, exit, result.err);
      assert.match(result.err, message);
      assert.doesNotMatch(result.err, /very-secret-token/);
    });

  it('lists', async () => {
    const dir = await filledState();
    assertGolden('cluster-list', (await sluice('cluster', ['list', '--dir', dir])).out);
    const clusters = JSON.parse((await sluice('cluster', ['list', '-o', 'json', '--dir', dir])).out);
    assert.deepEqual(
      clusters.map((cluster: { name: string }) => cluster.name),
      ['production', 'staging'],
    );
  });

  it('refuses a name that is taken', async () => {
    const { exit, err } = await sluice('cluster', [
      'add',
      'staging',
      '--kubeconfig',
      'config',
      '--dir',
      await filledState(),
    ]);
    assert.equal(exit, 1);
    assert.match(err, /a cluster "staging" is registered already/);
  });

  it('removes only when it is told twice, and the credentials with it', async () => {
    const dir = await filledState();
    const asked = await sluice('cluster', ['remove', 'staging', '--dir', dir]);
    assert.equal(asked.exit, 1);
    assert.match(asked.err, /the reconciling of 1 objects .* Say it again with --yes/);
    const done = await sluice('cluster', ['remove', 'staging', '--yes', '--dir', dir]);
    assert.deepEqual([done.exit, done.out], [0, 'cluster "staging" removed; what runs in it stays as it is']);
    const ports = localPorts({ dir, publicUrl: '' });
    after(() => ports.close());
    assert.deepEqual(await ports.clusters.names(), ['production']);
    assert.equal(await ports.secrets.get('cluster-staging'), undefined);
    const again = await sluice('cluster', ['remove', 'staging', '--yes', '--dir', dir]);
    assert.match(again.err, /no cluster "staging" is registered; there is production/);
  });
});

describe('sluice install', () => {
  it('exports objects that kubectl can apply', async () => {
    const { exit, out } = await sluice('install', ['--export', '--namespace', 'gitops']);
    assert.equal(exit, 0);
    const objects = parseAllDocuments(out).map(document => {
      assert.deepEqual(document.errors, []);
      return document.toJS();
    });
    assert.deepEqual(objects[0], {
      ...objects[0],
      kind: 'Namespace',
      metadata: { ...objects[0].metadata, name: 'gitops' },
    });
    assert.ok(objects.some(object => object.metadata.name === 'gitrepositories.source.toolkit.fluxcd.io'));
    assert.ok(objects.every(object => object.apiVersion && object.kind && object.metadata.name));
  });

  for (const [args, message] of [
    [['--cluster', 'a', '--kubeconfig', 'b'], /two clusters/],
    [['--context', 'a'], /give --kubeconfig/],
    [['--export', '--dry-run'], /leave out --dry-run/],
  ] as [string[], RegExp][])
    it(`refuses ${args.join(' ')}`, async () => {
      const { exit, err } = await sluice('install', args);
      assert.equal(exit, 2);
      assert.match(err, message);
    });

  it('wants to know which of several clusters', async () => {
    const { exit, err } = await sluice('install', ['--dir', await filledState()]);
    assert.equal(exit, 2);
    assert.match(err, /choose one with --cluster: production, staging/);
  });
});

describe('sluice resync and check', () => {
  it('tell each cluster that cannot be asked, and go on', async () => {
    const dir = await filledState();
    const resync = await sluice('resync', ['--dir', dir]);
    assert.equal(resync.exit, 1);
    assert.match(resync.err, /cluster "production": .*\n.*cluster "staging": /);
    const check = await sluice('check', ['--dir', dir]);
    assert.equal(check.exit, 1);
    assert.match(
      check.out,
      /cluster production\n✗ the cluster cannot be asked: .*\ncluster staging\n✗ .*\nqueues\n✔ no message was given up/,
    );
    assert.doesNotMatch(check.out, /secret text/);
  });
});
