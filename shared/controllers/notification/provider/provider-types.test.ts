import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { FluxEvent } from '../event/flux-event.ts';
import { type Destination, PostFailed } from './provider-type.ts';
import { providerTypeOf } from './provider-types.ts';

const info: FluxEvent = {
  involvedObject: {
    kind: 'Kustomization',
    namespace: 'flux-system',
    name: 'apps',
    uid: '7d0cdc51-ddcf-4743-b223-83ca5c699632',
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    resourceVersion: '4711',
  },
  severity: 'info',
  timestamp: '2026-11-23T08:00:00Z',
  message: 'Deployment/apps/web configured\nService/apps/web created <&>',
  reason: 'ReconciliationSucceeded',
  metadata: {
    revision: 'main@sha1:0123456789abcdef0123456789abcdef01234567',
    env: 'prod',
    summary: 'Apps of the shop',
  },
  reportingController: 'kustomize-controller',
  reportingInstance: 'sluice',
};
const error: FluxEvent = {
  ...info,
  severity: 'error',
  reason: 'HealthCheckFailed',
  message: "health check failed after 30s: timeout waiting for: [Deployment/apps/web status: 'InProgress'] 🔥",
  metadata: undefined as never,
};
delete (error as Partial<FluxEvent>).metadata;

const destination: Destination = {
  address: new URL('https://chat.example.com/services/T0/B0/x?y=1'),
  channel: '',
  username: '',
  token: '',
  headers: {},
};

const golden = new URL('../../../../test/golden/notification/', import.meta.url);

/** Compares with what is kept; UPDATE_GOLDEN=1 keeps what is. */
function assertGolden(name: string, body: string): void {
  const file = new URL(`${name}.json`, golden);
  const text = `${JSON.stringify(JSON.parse(body), null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(golden, { recursive: true });
    writeFileSync(file, text);
  }
  assert.equal(text, readFileSync(file, 'utf8'));
}

const cases: [string, string, Partial<Destination>][] = [
  ['generic', 'generic', { headers: { 'X-Tenant': 'blue' } }],
  ['slack', 'slack', {}],
  ['slack-channel', 'slack', { channel: '#ops', username: 'flux', token: 'xoxb-1' }],
  ['msteams', 'msteams', {}],
  ['msteams-connector', 'msteams', { address: new URL('https://acme.webhook.office.com:443/webhookb2/x') }],
  ['discord', 'discord', { username: 'flux', channel: 'ignored' }],
  ['rocket', 'rocket', { channel: 'ops', username: 'flux' }],
];

describe('payloads', () => {
  for (const [name, type, change] of cases)
    for (const [severity, event] of Object.entries({ info, error }))
      it(`${name}, ${severity}`, () => {
        const post = providerTypeOf(type)!.encode(event, { ...destination, ...change });
        assert.equal(post.headers['content-type'], 'application/json');
        assertGolden(`${name}-${severity}`, post.body);
      });

  it('generic has the fields of the event under their names, and the component as header', () => {
    const post = providerTypeOf('generic')!.encode(info, { ...destination, headers: { 'X-Tenant': 'blue' } });
    assert.deepEqual(JSON.parse(post.body), info);
    assert.equal(post.headers['gotk-component'], 'kustomize-controller');
    assert.equal(post.headers['x-tenant'], 'blue');
  });

  it("generic's own headers go before ours, whatever their case", () => {
    const headers = { 'Content-Type': 'application/cloudevents+json', authorization: 'Bearer x' };
    const post = providerTypeOf('generic')!.encode(info, { ...destination, headers });
    assert.deepEqual(post.headers, {
      'content-type': 'application/cloudevents+json',
      'gotk-component': 'kustomize-controller',
      authorization: 'Bearer x',
    });
  });

  it('generic-hmac signs the very bytes it sends', () => {
    const post = providerTypeOf('generic-hmac')!.encode(error, { ...destination, token: 'key' });
    const expected = createHmac('sha256', 'key').update(Buffer.from(post.body)).digest('hex');
    assert.equal(post.headers['x-signature'], `sha256=${expected}`);
    assert.throws(() => providerTypeOf('generic-hmac')!.encode(error, destination), PostFailed);
  });

  it('slack signs in with the token, and posts in the name of the controller unless one is given', () => {
    const encode = (change: Partial<Destination>) =>
      providerTypeOf('slack')!.encode(info, { ...destination, ...change });
    assert.equal(encode({ token: 'xoxb-1' }).headers.authorization, 'Bearer xoxb-1');
    assert.equal(encode({}).headers.authorization, undefined);
    assert.equal(JSON.parse(encode({}).body).username, 'kustomize-controller');
    assert.equal(JSON.parse(encode({ username: 'flux' }).body).username, 'flux');
  });

  it('discord is posted to at its endpoint for Slack messages', () => {
    const url = (address: string) =>
      providerTypeOf('discord')!.encode(info, { ...destination, address: new URL(address) }).url.href;
    assert.equal(url('https://discord.com/api/webhooks/1/t'), 'https://discord.com/api/webhooks/1/t/slack');
    assert.equal(url('https://discord.com/api/webhooks/1/t/'), 'https://discord.com/api/webhooks/1/t/slack');
    assert.equal(url('https://discord.com/api/webhooks/1/t/slack'), 'https://discord.com/api/webhooks/1/t/slack');
  });

  it('long messages are cut to what the services take', () => {
    const long = { ...info, message: `${'é'.repeat(4094)}${'🔥'.repeat(20_000)}` };
    const discord = JSON.parse(providerTypeOf('discord')!.encode(long, destination).body).attachments[0].text;
    assert.ok(discord.length <= 4096 && discord.endsWith('…'));
    assert.ok(discord.isWellFormed(), 'no half of a surrogate pair');
    const fields = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, 'v'.repeat(2000)]));
    for (const address of [destination.address, new URL('https://acme.webhook.office.com/x')]) {
      const event = { ...info, message: '試'.repeat(39_000), metadata: fields };
      const teams = providerTypeOf('msteams')!.encode(event, { ...destination, address }).body;
      assert.ok(Buffer.byteLength(teams) < 28_000, String(Buffer.byteLength(teams)));
      assert.ok(!teams.includes('\uFFFD'));
    }
    const many = JSON.parse(providerTypeOf('discord')!.encode({ ...info, metadata: fields }, destination).body);
    assert.equal(many.attachments[0].fields.length, 25);
    assert.ok(many.attachments[0].fields.every((field: { value: string }) => field.value.length <= 1024));
  });

  it('knows no other names', () => {
    for (const name of ['telegram', '', 'constructor', '__proto__']) assert.equal(providerTypeOf(name), undefined);
  });
});

describe("Slack's answers", () => {
  const api = new URL('https://slack.com/api/chat.postMessage');
  const check = (url: URL, body: string) => providerTypeOf('slack')!.checkAnswer!(url, body);
  it('of the API are read', () => {
    check(api, '{"ok":true,"ts":"1"}');
    for (const [body, message, retry] of [
      ['{"ok":false,"error":"channel_not_found"}', /Slack responded with error: channel_not_found/, false],
      ['{"ok":false,"error":"ratelimited"}', /ratelimited/, true],
      ['<html>', /not an API answer/, true],
    ] as const)
      assert.throws(
        () => check(api, body),
        (error: unknown) => error instanceof PostFailed && message.test(error.message) && error.retry === retry,
      );
  });
  it('of webhooks are not', () => check(new URL('https://hooks.slack.com/services/T/B/x'), 'ok'));
});
