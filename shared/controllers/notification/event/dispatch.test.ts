import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type Installed, startInstalled, unreachableKubeconfig } from '../../../../test/fixtures/installed.ts';
import { selfSigned } from '../../../../test/scenario/certificate.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { KubeClient } from '../../../kube/client.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { work } from '../../../reconcile/worker.ts';
import { messageHandlers } from '../message-handlers.ts';
import { providerController } from '../static-kinds.ts';

const ns = 'alerts';
const group = 'notification.toolkit.fluxcd.io/v1beta3';

interface Posted {
  path: string;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: each Provider has a shape of its own
  body: any;
}

let world: Installed;
let address = '';
const posted: Posted[] = [];
/** Statuses of the next answers, by path; 200 when there is none. */
const answers = new Map<string, number[]>();
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

async function provider(name: string, spec: Record<string, unknown> = {}): Promise<void> {
  await world.apply({
    apiVersion: group,
    kind: 'Provider',
    metadata: { name, namespace: ns },
    spec: { type: 'generic', address: `${address}/${name}`, ...spec },
  });
}

async function alert(name: string, spec: Record<string, unknown> = {}): Promise<void> {
  await world.apply({
    apiVersion: group,
    kind: 'Alert',
    metadata: { name, namespace: ns },
    spec: { providerRef: { name }, eventSources: [{ kind: 'Kustomization', name: '*', namespace: 'apps' }], ...spec },
  });
}

async function secret(name: string, values: Record<string, string>): Promise<void> {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: ns }, data });
}

let events = 0;
function event(change: Partial<ToolkitEvent> = {}): ToolkitEvent {
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

async function handle(
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
async function complaints(name: string): Promise<KubeObject[]> {
  const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
  return items.filter(item => item.involvedObject?.kind === 'Alert' && item.involvedObject?.name === name);
}

describe('an event', () => {
  it('is posted to the Provider of each Alert that wants it, with the metadata of both', async () => {
    await provider('one');
    await provider('two', { type: 'slack' });
    await alert('one', { eventMetadata: { env: 'prod' } });
    await alert('two', { eventSeverity: 'info' });
    await alert('errors', { providerRef: { name: 'one' }, eventSeverity: 'error' });
    const sent = event();
    await handle(sent);
    assert.deepEqual(posted.map(post => post.path).sort(), ['/one', '/two']);
    const { body, headers } = posted.find(post => post.path === '/one')!;
    assert.deepEqual(body.metadata, { env: 'prod', revision: 'main@sha1:abc' });
    assert.equal(body.message, sent.message);
    assert.equal(headers['gotk-component'], 'kustomize-controller');
    assert.deepEqual(world.sent(), []);
  });

  it('that says the same within five minutes is left out', async () => {
    await provider('dup');
    await alert('dup');
    const sent = event();
    await handle(sent);
    await handle({ ...sent, timestamp: '2026-11-23T08:00:09Z', trace: 'b'.repeat(32) } as ToolkitEvent);
    assert.equal(posted.length, 1);
    await handle({ ...sent, metadata: { 'kustomize.toolkit.fluxcd.io/revision': 'main@sha1:def' } } as ToolkitEvent);
    assert.equal(posted.length, 2);
  });

  it('that is delivered again goes on, and is posted only where it was not', async () => {
    await provider('again');
    await alert('again');
    const sent = event();
    await handle(sent);
    await handle(sent, { redelivered: true });
    assert.equal(posted.length, 1);
    const died = event();
    // A worker that died after it had taken the event: nothing was posted.
    const { duplicateId } = await import('./duplicate.ts');
    await world.ports.index.once(duplicateId(died), 300);
    await handle(died, { redelivered: true });
    assert.equal(posted.length, 2);
  });

  it('of a cluster that is away comes back later', async () => {
    await provider('away');
    await alert('away');
    await world.register('main', unreachableKubeconfig);
    const sent = event();
    await handle(sent);
    const [later] = world.sent();
    assert.deepEqual(
      [later!.body.type, later!.body.alert, later!.body.attempt, later!.delay],
      ['notify', undefined, 2, 2],
    );
    await world.register('main');
    await handle(later!.body);
    assert.deepEqual(
      posted.map(post => post.body.message),
      [sent.message],
    );
  });

  it('shares the reading of the Alerts with others that come at the same time, and misses no new Alert', async () => {
    await provider('burst');
    const burst = Promise.all(Array.from({ length: 30 }, () => handle(event())));
    await alert('burst');
    await Promise.all([burst, handle(event())]);
    assert.ok(posted.length >= 1, 'the last event came after the Alert');
    posted.length = 0;
    const cluster = await world.ports.clusters.get('main');
    const lists = () => (cluster as KubeClient).stats.byVerb.list ?? 0;
    const before = lists();
    await Promise.all(Array.from({ length: 30 }, () => handle(event())));
    assert.equal(posted.length, 30);
    assert.ok(lists() > before && lists() - before < 10, `${lists() - before} lists for 30 events`);
  });

  it('of a cluster that was removed is no reason to try again', async () => {
    await assert.rejects(handle(event({ cluster: 'removed' })), /no cluster "removed"/);
    assert.deepEqual(world.sent(), []);
  });

  it('that only updates a commit status goes to generic Providers alone', async () => {
    await provider('generic');
    await provider('chat', { type: 'slack' });
    await alert('generic');
    await alert('chat');
    await handle(event({ metadata: { 'kustomize.toolkit.fluxcd.io/commit_status': 'update' } }));
    assert.deepEqual(
      posted.map(post => post.path),
      ['/generic'],
    );
  });

  it('reaches Alerts by the labels of its object', async () => {
    await provider('labels');
    const eventSources = (labels: Record<string, string>) => [
      { kind: 'Kustomization', name: '*', namespace: 'apps', matchLabels: labels },
    ];
    await alert('blue', { providerRef: { name: 'labels' }, eventSources: eventSources({ team: 'blue' }) });
    await alert('red', { providerRef: { name: 'labels' }, eventSources: eventSources({ team: 'red' }) });
    const sent = event();
    await world.apply({
      apiVersion: sent.involvedObject.apiVersion,
      kind: 'Kustomization',
      metadata: { name: 'web', namespace: 'apps', labels: { team: 'blue' } },
      spec: { interval: '1h', prune: true, sourceRef: { kind: 'GitRepository', name: 'x' } },
    });
    await handle(sent);
    assert.equal(posted.length, 1);
  });
});

describe('a Provider', () => {
  it('may have its address, token and headers in a Secret', async () => {
    await secret('access', {
      address: `${address}/from-secret\n`,
      token: 'key\n',
      headers: 'X-Tenant: blue\nX-Number: 7\n',
    });
    await provider('generic', { secretRef: { name: 'access' } });
    await provider('hmac', { type: 'generic-hmac', secretRef: { name: 'access' } });
    await provider('slack', { type: 'slack', secretRef: { name: 'access' } });
    for (const name of ['generic', 'hmac', 'slack']) await alert(name);
    await handle(event());
    assert.deepEqual(
      posted.map(post => post.path),
      ['/from-secret', '/from-secret', '/from-secret'],
    );
    assert.ok(posted.some(post => post.headers['x-tenant'] === 'blue' && post.headers['x-number'] === '7'));
    assert.ok(posted.some(post => String(post.headers['x-signature']).startsWith('sha256=')));
    assert.ok(posted.some(post => post.headers.authorization === 'Bearer key'));
  });

  it('that is suspended gets nothing, and nobody complains', async () => {
    await provider('idle', { suspend: true });
    await alert('idle');
    await handle(event());
    assert.equal(posted.length, 0);
    assert.deepEqual(await complaints('idle'), []);
  });

  it('that fails for a while is tried again, for its Alert alone', async () => {
    await provider('flaky');
    await provider('steady');
    await alert('flaky');
    await alert('steady');
    answers.set('/flaky', [503, 429]);
    await handle(event());
    const [first] = world.sent();
    assert.deepEqual([first!.body.alert, first!.body.attempt, first!.delay], [{ namespace: ns, name: 'flaky' }, 2, 2]);
    assert.equal(first!.message.queue, 'notification');
    await handle(first!.body);
    const [second] = world.sent();
    assert.deepEqual([second!.body.attempt, second!.delay], [3, 33], 'what the service asked for');
    await handle(second!.body);
    await handle(second!.body);
    assert.deepEqual(posted.map(post => post.path).sort(), ['/flaky', '/flaky', '/flaky', '/steady']);
    assert.deepEqual(await complaints('flaky'), []);
  });

  it('that goes on failing is told to the owner of the Alert, without address or token', async () => {
    await secret('broken', { address: `${address}/services/T00000000/very-secret-path-of-the-hook` });
    await provider('broken', { secretRef: { name: 'broken' } });
    await alert('broken');
    answers.set('/services/T00000000/very-secret-path-of-the-hook', Array(9).fill(500));
    let message: { type: string } | undefined = event();
    let tries = 0;
    while (message) {
      await handle(message);
      tries++;
      message = world.sent()[0]?.body;
    }
    assert.equal(tries, 6);
    const [complaint] = await complaints('broken');
    assert.deepEqual([complaint!.type, complaint!.reason], ['Warning', 'NotificationDispatchFailed']);
    assert.match(
      complaint!.message,
      /failed to dispatch notification for Kustomization\/apps\/web: 127\.0\.0\.1: request failed with status code 500/,
    );
    for (const text of [complaint!.message, ...world.log]) assert.doesNotMatch(text, /very-secret/);
  });

  const broken: [string, Record<string, unknown>, RegExp][] = [
    ['refused', {}, /status code 403/],
    ['no-address', { address: '' }, /there is no address/],
    ['no-url', { address: 'chat.example.com' }, /not a URL/],
    ['other-scheme', { address: 'file:///etc/passwd' }, /only https: and http:/],
    ['metadata', { address: 'http://169.254.169.254/latest' }, /link-local or metadata/],
    ['no-secret', { secretRef: { name: 'gone' } }, /failed to get secret 'alerts\/gone'/],
    ['no-key', { type: 'generic-hmac' }, /put a 'token' into the Secret/],
    ['half-certificate', { certSecretRef: { name: 'half' } }, /only one of tls\.crt and tls\.key/],
    ['bad-headers', { secretRef: { name: 'headers' } }, /(not YAML|not a map of header names)/],
    ['not-built', { type: 'telegram' }, /not built yet: spec\.type: telegram/],
    ['proxy', { proxy: 'http://proxy.example.com' }, /not built yet: spec\.proxy/],
  ];
  for (const [name, spec, message] of broken)
    it(`that cannot work is told at once: ${name}`, async () => {
      await secret('half', { 'tls.crt': 'x' });
      await secret('headers', { headers: 'just secret-text' });
      await provider(name, spec);
      await alert(name);
      answers.set('/refused', [403]);
      await handle(event());
      const found = await complaints(name);
      assert.equal(found.length, 1, JSON.stringify(world.log.slice(-3)));
      assert.match(found[0]!.message, message);
      assert.doesNotMatch(found[0]!.message, /secret-text/);
      assert.deepEqual(world.sent(), [], 'no retry');
    });

  it('that is not there is told', async () => {
    await alert('lonely');
    await handle(event());
    assert.match(
      (await complaints('lonely'))[0]!.message,
      /failed to read provider: Provider.notification.toolkit.fluxcd.io "lonely" not found/,
    );
  });
});

describe('a Provider with certificates', () => {
  it('is reached by them alone', async () => {
    const { key, cert } = await selfSigned();
    const got: string[] = [];
    const secure = createSecureServer(
      { key, cert, ca: cert, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        got.push(`${request.url} ${(request.socket as TLSSocket).authorized}`);
        response.end();
      },
    );
    await new Promise<void>(resolve => secure.listen(0, '127.0.0.1', resolve));
    const base = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
    await secret('ca', { 'ca.crt': cert });
    await secret('mutual', { caFile: cert, certFile: cert, keyFile: key });
    await provider('plain', { address: `${base}/plain` });
    await provider('ca', { address: `${base}/ca`, certSecretRef: { name: 'ca' } });
    await provider('mutual', { address: `${base}/mutual`, certSecretRef: { name: 'mutual' } });
    for (const name of ['plain', 'ca', 'mutual']) await alert(name);
    await handle(event());
    secure.closeAllConnections();
    secure.close();
    assert.deepEqual(got.sort(), ['/ca false', '/mutual true']);
    assert.match((await complaints('plain'))[0]!.message, /self-signed certificate/);
    assert.deepEqual(world.sent(), [], 'a certificate does not get better');
  });
});

describe('a Provider that asks for what is not built', () => {
  it('says so by an Event as soon as it is there', async () => {
    await provider('telegram', { type: 'telegram' });
    await provider('fine');
    const { onObjectChange } = await import('../../../reconcile/changes.ts');
    for (const name of ['telegram', 'fine']) {
      const object = (await world.cluster.get({ apiVersion: group, kind: 'Provider' }, ns, name))!;
      await onObjectChange('main', { type: 'ADDED', object }, world.ports);
    }
    const [item, ...more] = world.sent();
    assert.deepEqual([item!.body.kind, item!.body.name, more], ['Provider', 'telegram', []]);
    const record = { messageId: '1', body: JSON.stringify(item!.body) };
    const result = await work([record], [providerController], world.ports, Date.now() + 30_000);
    assert.deepEqual(result.batchItemFailures, []);
    const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'Event' }, { namespace: ns });
    const said = items.filter(each => each.involvedObject?.kind === 'Provider');
    assert.equal(said.length, 1);
    assert.match(said[0]!.message, /spec\.type: telegram/);
    assert.equal(said[0]!.type, 'Warning');
  });
});

describe('an Alert', () => {
  it('with an expression that is none hears of it, once', async () => {
    await provider('regex');
    await alert('regex', { exclusionList: ['('] });
    await handle(event());
    await handle(event());
    assert.equal(posted.length, 2);
    const found = await complaints('regex');
    assert.deepEqual(
      found.map(each => [each.reason, each.count]),
      [['InvalidConfig', 1]],
    );
  });

  it('with metadata that the event has, too, hears of it', async () => {
    await provider('conflict');
    await alert('conflict', { eventMetadata: { revision: 'mine' } });
    await handle(event());
    assert.equal(posted[0]!.body.metadata.revision, 'main@sha1:abc');
    const [found] = await complaints('conflict');
    assert.equal(found!.reason, 'MetadataAppendFailed');
    assert.match(JSON.stringify(found!.metadata.annotations), /spec\.eventMetadata/);
  });

  it('may not reach other namespaces when that is forbidden', async () => {
    await provider('tenant');
    await alert('tenant');
    await handle(event(), { noCrossNamespaceRefs: true });
    assert.equal(posted.length, 0);
    assert.match((await complaints('tenant'))[0]!.message, /cross-namespace references have been blocked/);
  });

  it('that is gone when the retry comes is not missed', async () => {
    await provider('gone');
    await alert('gone');
    answers.set('/gone', [503]);
    await handle(event());
    const [later] = world.sent();
    await world.cluster.delete({ apiVersion: group, kind: 'Alert' }, ns, 'gone');
    await handle(later!.body);
    assert.equal(posted.length, 1);
    assert.deepEqual(world.sent(), []);
  });
});
