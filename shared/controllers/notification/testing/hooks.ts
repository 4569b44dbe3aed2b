/** Receivers and requests for the tests of both. */
import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import { type Installed, startInstalled } from '../../../../test/fixtures/installed.ts';
import type { KubeObject } from '../../../api/object.ts';
import { work } from '../../../reconcile/worker.ts';
import { forgetAsked } from '../hook/find.ts';
import { type IncomingHook, receiveHook } from '../hook/receive.ts';
import { webhookPath } from '../hook/webhook-path.ts';
import { receiverController } from '../receiver.ts';

export const token = 'token of the receiver';
export const ns = 'hooks';
export const trace = 'f'.repeat(32);
export const body = Buffer.from('{"ref":"refs/heads/main"}');
/** With a deadline that no stall of the machine outlasts: a cluster that takes longer counts as away. */
export const options = { noCrossNamespaceRefs: false, deadlineMs: 60_000 };

export let world: Installed;
before(async () => {
  world = await startInstalled();
  for (const name of [ns, 'elsewhere']) await world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await putSecret('token', { token });
  for (const [name, labels, namespace] of [
    ['app', {}, ns],
    ['blue-1', { team: 'blue' }, ns],
    ['blue-2', { team: 'blue' }, ns],
    ['far', {}, 'elsewhere'],
  ] as const)
    await world.apply({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name, namespace, labels },
      spec: { interval: '1h', url: 'https://git.example.com/app.git' },
    });
});
after(() => world.close());
beforeEach(async () => {
  world.sent();
  forgetAsked();
});

export async function putSecret(name: string, data: Record<string, string>): Promise<void> {
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: ns }, data: encoded });
}

export const receiverType = { apiVersion: 'notification.toolkit.fluxcd.io/v1', kind: 'Receiver' };

/** Applies a Receiver and has it reconciled; the object as it then is. */
export async function receiver(
  name: string,
  spec: Record<string, unknown> = {},
  cluster = 'main',
): Promise<KubeObject> {
  await world.apply({
    ...receiverType,
    metadata: { name, namespace: ns },
    spec: {
      type: 'generic',
      secretRef: { name: 'token' },
      resources: [{ kind: 'GitRepository', name: 'app' }],
      ...spec,
    },
  });
  await reconcile(name, cluster);
  return (await world.cluster.get(receiverType, ns, name))!;
}

export async function reconcile(name: string, cluster = 'main'): Promise<void> {
  const item = {
    type: 'reconcile',
    cluster,
    kind: 'Receiver',
    namespace: ns,
    name,
    reason: 'change',
    trace,
    sentAt: Date.now(),
  };
  const result = await work(
    [{ messageId: '1', body: JSON.stringify(item) }],
    [receiverController],
    world.ports,
    Date.now() + 30_000,
  );
  assert.deepEqual(result.batchItemFailures, []);
}

export const pathOf = (name: string) => webhookPath(token, name, ns);
export const hook = (name: string, change: Partial<IncomingHook> = {}): IncomingHook => ({
  path: pathOf(name),
  headers: {},
  body,
  trace,
  ...change,
});
export const receive = (name: string, change: Partial<IncomingHook> = {}) =>
  receiveHook(hook(name, change), world.ports, options);

export const ready = (object: KubeObject) => object.status.conditions.find((c: { type: string }) => c.type === 'Ready');
