import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach } from 'node:test';
import { type Installed, startInstalled } from '../../../../test/fixtures/installed.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { messageHandlers } from '../message-handlers.ts';

export const ns = 'alerts';
export const group = 'notification.toolkit.fluxcd.io/v1beta3';

interface Posted {
  path: string;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: each Provider has a shape of its own
  body: any;
}

export let world: Installed;
export let address = '';
export const posted: Posted[] = [];
/** Statuses of the next answers, by path; 200 when there is none. */
export const answers = new Map<string, number[]>();
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    const path = request.url ?? '';
    const status = answers.get(path)?.shift() ?? 200;
    posted.push({ path, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
    response.writeHead(status, status === 429 ? { 'retry-after': '33' } : {}).end(`answer for ${path}`);
  });
});

// A connection that is closed for being idle may just have been taken for the next POST.
server.keepAliveTimeout = 0;

before(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world = await startInstalled();
  for (const name of [ns, 'apps']) await world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', namespace: 'apps' } });
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await world.close();
});
beforeEach(async () => {
  posted.length = 0;
  answers.clear();
  world.sent();
  for (const kind of ['Alert', 'Provider'])
    for (const item of (await world.cluster.list({ apiVersion: group, kind })).items)
      await world.cluster.delete({ apiVersion: group, kind }, item.metadata.namespace, item.metadata.name);
});

export async function provider(name: string, spec: Record<string, unknown> = {}): Promise<void> {
  await world.apply({
    apiVersion: group,
    kind: 'Provider',
    metadata: { name, namespace: ns },
    spec: { type: 'generic', address: `${address}/${name}`, ...spec },
  });
}

export async function alert(name: string, spec: Record<string, unknown> = {}): Promise<void> {
  await world.apply({
    apiVersion: group,
    kind: 'Alert',
    metadata: { name, namespace: ns },
    spec: { providerRef: { name }, eventSources: [{ kind: 'Kustomization', name: '*', namespace: 'apps' }], ...spec },
  });
}

export async function secret(name: string, values: Record<string, string>): Promise<void> {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: ns }, data });
}

let events = 0;
export function event(change: Partial<ToolkitEvent> = {}): ToolkitEvent {
  return {
    type: 'event',
    cluster: 'main',
    trace: 'a'.repeat(32),
    involvedObject: {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      namespace: 'apps',
      name: 'web',
      uid: 'u',
      resourceVersion: '1',
    },
    severity: 'info',
    timestamp: '2026-11-23T08:00:00Z',
    reason: 'ReconciliationSucceeded',
    message: `message ${events++}`,
    metadata: { 'kustomize.toolkit.fluxcd.io/revision': 'main@sha1:abc' },
    reportingController: 'kustomize-controller',
    reportingInstance: 'sluice',
    ...change,
  };
}

export async function handle(
  body: { type: string },
  change: { redelivered?: boolean; noCrossNamespaceRefs?: boolean } = {},
): Promise<void> {
  const handlers = messageHandlers({ noCrossNamespaceRefs: change.noCrossNamespaceRefs ?? false });
  await handlers[body.type]!(JSON.parse(JSON.stringify(body)), {
    ports: world.ports,
    deadline: Date.now() + 30_000,
    log: world.ports.log,
    redelivered: change.redelivered ?? false,
  });
}

/** Events of the cluster about an Alert. */
export async function complaints(name: string): Promise<KubeObject[]> {
  const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
  return items.filter(item => item.involvedObject?.kind === 'Alert' && item.involvedObject?.name === name);
}
