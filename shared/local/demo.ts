import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../api/object.ts';
import { webhookPath } from '../controllers/notification/hook/webhook-path.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';
import type { Log } from '../ports/ports.ts';
import type { Secrets } from '../ports/secrets.ts';
import { onLastPort } from './addresses.ts';
import { demoFiles } from './demo-files.ts';
import { type DemoAddresses, demoName, demoNamespace, demoObjects } from './demo-objects.ts';
import { createRepository, type GitServer, startGitServer } from './git-server.ts';

export interface DemoOptions {
  /** Where the repository is kept. */
  dir: string;
  /** The Git server's port of last time; 0 for any. */
  port: number;
  /** The gateway as this machine reaches it. */
  gateway: string;
  secrets: Secrets;
  log: Log;
  /** Told of a push, before its webhook is sent. */
  onPush?(push: Push): void;
}

export interface Push {
  at: number;
  branch: string;
  commit: string;
}

export interface Demo {
  repository: string;
  webhook: string;
  port: number;
  addresses: DemoAddresses;
  close(): Promise<void>;
}

const repositoryName = 'demo.git';
const tokenSecret = 'demo-webhook-token';

/** Serves the demo repository to any Git, and sends a webhook, signed as GitHub signs, when somebody pushes. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const root = join(options.dir, 'repositories');
  const [token] = await Promise.all([webhookToken(options.secrets), makeRepository(root)]);
  const webhook = options.gateway + webhookPath(token, demoName, demoNamespace);
  const onPush = (_: string, update: { ref: string; before: string; after: string }) => {
    options.onPush?.({ at: Date.now(), branch: update.ref.replace(/^refs\/heads\//, ''), commit: update.after });
    sendWebhook(webhook, token, update).catch(error =>
      options.log.error('the webhook of a push could not be sent', { error }),
    );
  };
  const server: GitServer = await onLastPort(options.port, port => startGitServer({ root, port, onPush }));
  const repository = `${server.url}/${repositoryName}`;
  return {
    repository,
    webhook,
    port: Number(new URL(server.url).port),
    addresses: { repository, sink: `${options.gateway}/notifications/sink/slack`, token },
    close: () => server.close(),
  };
}

async function makeRepository(root: string): Promise<void> {
  if (existsSync(join(root, repositoryName, 'HEAD'))) return;
  await createRepository(root, repositoryName, demoFiles, { branch: 'main', message: 'Say hello' });
}

async function webhookToken(secrets: Secrets): Promise<string> {
  const known = await secrets.get(tokenSecret);
  if (known) return known;
  const made = randomBytes(24).toString('hex');
  await secrets.put(tokenSecret, made);
  return made;
}

async function sendWebhook(url: string, token: string, update: { ref: string; before: string; after: string }) {
  const body = JSON.stringify({
    ...update,
    repository: { name: 'demo', full_name: 'demo/demo' },
    pusher: { name: 'you' },
  });
  const signature = createHmac('sha256', token).update(body).digest('hex');
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/sluice-demo',
      'x-github-event': 'push',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${signature}`,
    },
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok)
    throw new Error(`the webhook was answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
}

/** Creates the demo's objects that are not there. What is there stays as it is, but for addresses of this machine. */
export async function applyDemo(cluster: Cluster, addresses: DemoAddresses): Promise<void> {
  const [namespace, ...objects] = demoObjects(addresses);
  await createIfAbsent(cluster, namespace!);
  await Promise.all(objects.map(object => createIfAbsent(cluster, object)));
}

async function createIfAbsent(cluster: Cluster, wanted: KubeObject): Promise<void> {
  const { name, namespace } = wanted.metadata;
  const found = await cluster.get(wanted, namespace, name);
  if (found) return correctAddress(cluster, wanted, found);
  try {
    await cluster.apply(wanted, { fieldManager: 'sluice-demo' });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  }
}

/** Ports may have changed since the last start. */
async function correctAddress(cluster: Cluster, wanted: KubeObject, found: KubeObject): Promise<void> {
  for (const field of ['url', 'address']) {
    const address = wanted.spec?.[field];
    if (address === undefined || address === found.spec?.[field]) continue;
    const { name, namespace } = wanted.metadata;
    await cluster.patch(wanted, namespace, name, { type: 'merge', body: { spec: { [field]: address } } });
  }
}

/** Waits until the Receiver answers at its path, so that a push that comes now is not missed. */
export async function untilReceiverReady(cluster: Cluster, signal: AbortSignal): Promise<boolean> {
  const receiver = { apiVersion: 'notification.toolkit.fluxcd.io/v1', kind: 'Receiver' };
  while (!signal.aborted) {
    const found = await cluster.get(receiver, demoNamespace, demoName);
    const conditions: { type: string; status: string }[] = found?.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === 'Ready' && status === 'True')) return true;
    await new Promise(resolve => setTimeout(resolve, 25));
  }
  return false;
}
