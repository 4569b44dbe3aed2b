/** Many GitRepositories in four clusters, all of which follow one repository and are told of a push by one webhook. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installObjects } from '../../shared/api/install/objects.ts';
import type { KubeObject } from '../../shared/api/object.ts';
import { installInto } from '../../shared/cli/install-apply.ts';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { localPorts } from '../../shared/local/local-ports.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { gitRepository, receiver, secret, yaml } from './manifests.ts';
import { startSandboxProcess } from './target.ts';
import { applyManifests, conditionOf, githubPush, typeOf, until, type World } from './world.ts';

const hooks = 'hooks';
const token = 'fleet-token';
const matchLabels = { follows: 'the-repository' };

/** A GitRepository of the fleet. */
export interface Member {
  cluster: Cluster;
  namespace: string;
  name: string;
}

export interface Fleet {
  members: Member[];
  /** Creates the GitRepositories; `spec` says what they have beside the URL. Waits until their status names the commit. */
  create(url: string, sha: string, spec?: (member: Member) => Record<string, unknown>): Promise<void>;
  /** Sends the webhook, once, and waits until all are Ready at the commit. */
  push(sha: string): Promise<void>;
  /** The digests and sizes of the artifacts, each once. */
  artifacts(): Promise<string[]>;
  close(): Promise<void>;
}

/** `count` members, evenly over four clusters with two namespaces each; of the clusters one is the world's own. */
export async function openFleet(world: World, count: number): Promise<Fleet> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-fleet-'));
  const others = await Promise.all(['east', 'west', 'north'].map(name => startOther(world, join(dir, name), name)));
  const clusters = [world.cluster, ...others.map(({ cluster }) => cluster)];
  const members = Array.from({ length: count }, (_, n) => ({
    cluster: clusters[n % 4]!,
    namespace: `team-${n % 4}-${Math.floor(n / 4) % 2}`,
    name: `app-${n}`,
  }));
  await Promise.all(clusters.map((cluster, n) => prepare(cluster, n)));
  const path = await until('all clusters have the webhook', async () => {
    const found = await Promise.all(clusters.map(cluster => cluster.get(typeOf('Receiver'), hooks, 'hook')));
    const paths = new Set(found.map(object => object?.status?.webhookPath as string | undefined));
    return paths.size === 1 ? [...paths][0] : undefined;
  });
  const objects = async () => {
    const lists = await Promise.all(clusters.map(cluster => cluster.list(typeOf('GitRepository'))));
    return lists.flatMap(({ items }) => items).filter(({ metadata }) => metadata.namespace?.startsWith('team-'));
  };
  const at = (sha: string) =>
    until(`all are at ${sha}`, async () => {
      const all = await objects();
      return all.length === count && all.every(object => isAt(object, sha));
    });
  return {
    members,
    async create(url, sha, spec = () => ({})) {
      for (let n = 0; n < count; n += 20)
        await Promise.all(
          members.slice(n, n + 20).map(async member => {
            const { spec: common, ...object } = gitRepository(member.namespace, member.name, url, { interval: '60m' });
            const metadata = { ...object.metadata, labels: matchLabels };
            const made: KubeObject = { ...object, metadata, spec: { ...common, ...spec(member) } };
            await member.cluster.create(made, { fieldManager: 'kubectl' });
          }),
        );
      await at(sha);
    },
    async push(sha) {
      const { status } = await githubPush(`${world.runtime.gateway}${path}`, token);
      if (status !== 200) throw new Error(`the webhook was answered ${status}`);
      await at(sha);
    },
    artifacts: async () => [
      ...new Set((await objects()).map(({ status }) => `${status.artifact.digest} ${status.artifact.size}`)),
    ],
    async close() {
      await Promise.all(others.map(({ stop }) => stop()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startOther(world: World, dir: string, name: string) {
  mkdirSync(dir);
  const sandbox = await startSandboxProcess(dir);
  const cluster = connect(name, await accessFromKubeconfig(sandbox.kubeconfig));
  await installInto(cluster, installObjects({ namespace: 'flux-system' }), { dryRun: false, report: () => {} });
  const { index, secrets, close } = localPorts({ dir: world.runtime.dir, publicUrl: 'http://127.0.0.1' });
  await secrets.put(`cluster-${name}`, sandbox.kubeconfig);
  const access = { type: 'kubeconfig' as const, secret: `cluster-${name}` };
  await index.addCluster({ name, access, changes: 'watch', addedAt: Date.now() });
  close();
  return { cluster, stop: sandbox.stop };
}

/** The same Receiver everywhere has the same path, and one webhook finds all of them. */
async function prepare(cluster: Cluster, n: number): Promise<void> {
  const namespaces = [0, 1].map(m => `team-${n}-${m}`);
  await applyManifests(
    cluster,
    yaml(
      ...[hooks, ...namespaces].map(name => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      secret(hooks, 'webhook-token', { token }),
      receiver(hooks, 'hook', {
        resources: namespaces.map(namespace => ({ kind: 'GitRepository', name: '*', namespace, matchLabels })),
      }),
    ),
  );
}

function isAt(object: KubeObject, sha: string): boolean {
  const ready = conditionOf(object, 'Ready');
  return ready?.status === 'True' && object.status.artifact?.revision.endsWith(sha);
}
