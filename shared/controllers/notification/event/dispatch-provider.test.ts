import assert from 'node:assert/strict';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { selfSigned } from '../../../../test/scenario/certificate.ts';
import { work } from '../../../reconcile/worker.ts';
import { providerController } from '../static-kinds.ts';
import {
  address,
  alert,
  answers,
  complaints,
  event,
  group,
  handle,
  ns,
  posted,
  provider,
  secret,
  world,
} from '../testing/alerts.ts';

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
