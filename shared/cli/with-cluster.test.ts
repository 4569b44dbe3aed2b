import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { connect, type KubeClient } from '../kube/client.ts';
import { accessFromKubeconfig } from '../kube/kubeconfig.ts';
import { localPorts } from '../local/local-ports.ts';
import { startSandbox } from '../sandbox/server.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-cli-cluster-'));
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let cluster: KubeClient;
before(async () => {
  sandbox = await startSandbox({ dir: join(dir, 'sandbox') });
  writeFileSync(join(dir, 'kubeconfig'), sandbox.kubeconfig);
  cluster = connect('test', await accessFromKubeconfig(sandbox.kubeconfig));
});
after(async () => {
  cluster.close();
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Result {
  exit: number;
  out: string;
  err: string;
}

async function sluice(name: string, ...args: string[]): Promise<Result> {
  const { run } = await import(`./${name}.ts`);
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), env: {}, cwd: dir };
  const exit = await run(args, io);
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

const crdType = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };
const gitRepositories = 'gitrepositories.source.toolkit.fluxcd.io';

// In order: each builds on what the one before has left in the cluster.
describe('an installation, from the first command on', () => {
  it('registers a cluster that answers', async () => {
    const { exit, out, err } = await sluice('cluster', 'add', 'main', '--kubeconfig', 'kubeconfig');
    assert.deepEqual([exit, err], [0, '']);
    assert.match(out, /^cluster "main" registered: https?:\/\/127\.0\.0\.1:\d+\nnext: `sluice install --cluster main`/);
    const ports = localPorts({ dir: join(dir, '.sluice'), publicUrl: '' });
    try {
      const record = await ports.index.cluster('main');
      assert.equal(record?.changes, 'watch');
      assert.ok(record?.access.type === 'kubeconfig');
      assert.equal(parse((await ports.secrets.get(record.access.secret))!).users.length, 1);
    } finally {
      ports.close();
    }
  });

  it('does not register one that refuses the credentials', async () => {
    const config = parse(sandbox.kubeconfig);
    config.users[0].user = { token: 'wrong-token' };
    writeFileSync(join(dir, 'wrong'), stringify(config));
    const { exit, err } = await sluice('cluster', 'add', 'wrong', '--kubeconfig', 'wrong');
    assert.equal(exit, 1);
    assert.match(err, /API server of "wrong" .* does not answer as it should: .*(Unauthorized|401)/i);
    assert.doesNotMatch(err, /wrong-token/);
    assert.doesNotMatch((await sluice('cluster', 'list')).out, /wrong/);
  });

  it('finds out what is missing', async () => {
    const { exit, out } = await sluice('check');
    assert.equal(exit, 1);
    assert.match(out, /✔ the API server answers/);
    assert.match(out, /✗ GitRepository is not defined; run `sluice install --cluster main`/);
    assert.match(out, /✔ the credentials may do everything/);
  });

  it('says what an installation would change, and changes nothing', async () => {
    const { exit, out, err } = await sluice('install', '--dry-run');
    assert.deepEqual([exit, err], [0, '']);
    assert.match(out, /customresourcedefinition\/gitrepositories\.source\.toolkit\.fluxcd\.io created/);
    assert.match(out, /\(dry run: nothing was changed\)$/);
    assert.equal(await cluster.get(crdType, undefined, gitRepositories), undefined);
  });

  it('installs, and has nothing to do the second time', async () => {
    const first = await sluice('install', '--cluster', 'main');
    assert.deepEqual([first.exit, first.err], [0, '']);
    assert.match(first.out, /\d+ created$/);
    const second = await sluice('install', '--kubeconfig', 'kubeconfig');
    assert.match(second.out, /\n\d+ unchanged$/, second.out);
  });

  it('puts back what was changed', async () => {
    const patch = { type: 'merge' as const, body: { metadata: { labels: { 'app.kubernetes.io/part-of': 'other' } } } };
    await cluster.patch(crdType, undefined, gitRepositories, patch);
    const dry = await sluice('install', '--dry-run');
    assert.match(dry.out, /gitrepositories\.source\.toolkit\.fluxcd\.io configured/);
    assert.match((await sluice('install')).out, /, \d+ unchanged$|1 configured/);
    assert.match((await sluice('install')).out, /\n\d+ unchanged$/);
  });

  it('leaves definitions of a later release alone, and says so', async () => {
    const newer = { 'app.kubernetes.io/version': 'v9.9.9' };
    await cluster.patch(crdType, undefined, gitRepositories, { type: 'merge', body: { metadata: { labels: newer } } });
    const { exit, out } = await sluice('install');
    assert.equal(exit, 0);
    assert.match(out, /gitrepositories\.source\.toolkit\.fluxcd\.io skipped: it comes from release v9\.9\.9/);
    const crd = await cluster.get(crdType, undefined, gitRepositories);
    assert.equal(crd?.metadata.labels?.['app.kubernetes.io/version'], 'v9.9.9');
    assert.match((await sluice('check')).out, /! GitRepository is left as it is: it comes from release v9\.9\.9/);
  });

  it("warns of Flux's own controllers", async () => {
    await cluster.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: {
          name: 'source-controller',
          namespace: 'flux-system',
          labels: { 'app.kubernetes.io/part-of': 'flux' },
        },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'source-controller' } },
          template: {
            metadata: { labels: { app: 'source-controller' } },
            spec: { containers: [{ name: 'manager', image: 'example.com/source-controller:v1' }] },
          },
        },
      },
      { fieldManager: 'test' },
    );
    assert.match(
      (await sluice('install')).err,
      /warning: Flux's own source-controller runs in the namespace flux-system/,
    );
    assert.match((await sluice('check')).out, /! Flux's own source-controller runs/);
  });

  it('shows objects once the index knows them, and at once with --live', async () => {
    for (const name of ['apps', 'infra'])
      await cluster.apply(
        {
          apiVersion: 'source.toolkit.fluxcd.io/v1',
          kind: 'GitRepository',
          metadata: { name, namespace: 'flux-system' },
          spec: { interval: '1h', url: 'https://git.example.com/x.git' },
        },
        { fieldManager: 'test' },
      );
    assert.match((await sluice('status')).out, /no objects are known; `sluice resync`/);
    assert.match((await sluice('status', '--live')).out, /main +flux-system +GitRepository\/apps +Unknown/);
    const resync = await sluice('resync');
    assert.deepEqual([resync.exit, resync.out], [0, 'main: 2 objects, 2 to be reconciled']);
    const status = await sluice('status', '--failed', '-o', 'json');
    assert.equal(status.exit, 1);
    assert.deepEqual(
      JSON.parse(status.out).map((object: { name: string }) => object.name),
      ['apps', 'infra'],
    );
  });

  it('is content at last', async () => {
    await cluster.delete({ apiVersion: 'apps/v1', kind: 'Deployment' }, 'flux-system', 'source-controller');
    const { exit, out } = await sluice('check', '--cluster', 'main');
    assert.equal(exit, 0, out);
    assert.match(out, /queues\n✔ no message was given up$/);
  });
});
