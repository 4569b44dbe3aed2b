import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { receiverTypeOf } from './receiver-types.ts';
import { HookRejected, liveRequest } from './request.ts';
import { isWebhookPath, webhookPath } from './webhook-path.ts';

const token = 'it is a secret to everybody';
const sign = (algorithm: string, body: string | Buffer, key: string | Buffer = token) =>
  `${algorithm}=${createHmac(algorithm, key).update(body).digest('hex')}`;

/** GitHub's own published example: docs.github.com, "Validating webhook deliveries", section on testing. */
const published = {
  secret: "It's a Secret to Everybody",
  body: 'Hello, World!',
  signature: 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
};

const push = JSON.stringify({ ref: 'refs/heads/main', after: 'a'.repeat(40), repository: { full_name: 'acme/app' } });
const form = `payload=${encodeURIComponent(push)}`;
const json = { 'content-type': 'application/json' };

interface Case {
  name: string;
  type: string;
  headers: Record<string, string>;
  body?: string | Buffer;
  events?: string[];
  /** What the refusal says; undefined: accepted. */
  refused?: RegExp;
}

const cases: Case[] = [
  { name: 'takes anything', type: 'generic', headers: {}, body: 'anything' },
  ...['sha1', 'sha224', 'sha256', 'sha384', 'sha512'].map(algorithm => ({
    name: `takes ${algorithm}`,
    type: 'generic-hmac',
    headers: { 'x-signature': sign(algorithm, push) },
  })),
  {
    name: 'takes upper-case hex',
    type: 'generic-hmac',
    headers: { 'x-signature': `sha256=${sign('sha256', push).slice(7).toUpperCase()}` },
  },
  {
    name: 'takes bytes that are no UTF-8',
    type: 'generic-hmac',
    body: Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    headers: { 'x-signature': sign('sha256', Buffer.from([0xff, 0xfe, 0x00, 0x80])) },
  },
  {
    name: 'takes an empty body that is signed',
    type: 'generic-hmac',
    body: '',
    headers: { 'x-signature': sign('sha256', '') },
  },
  { name: 'refuses no signature', type: 'generic-hmac', headers: {}, refused: /X-Signature header is missing/ },
  {
    name: 'refuses md5',
    type: 'generic-hmac',
    headers: { 'x-signature': sign('md5', push) },
    refused: /hash function/,
  },
  {
    name: 'refuses a bare digest',
    type: 'generic-hmac',
    headers: { 'x-signature': sign('sha256', push).slice(7) },
    refused: /not of the form/,
  },
  {
    name: 'refuses a name of Object.prototype',
    type: 'generic-hmac',
    headers: { 'x-signature': 'constructor=00' },
    refused: /not of the form/,
  },
  {
    name: 'refuses a cut digest',
    type: 'generic-hmac',
    headers: { 'x-signature': sign('sha256', push).slice(0, -2) },
    refused: /does not match/,
  },
  {
    name: 'refuses an empty digest',
    type: 'generic-hmac',
    headers: { 'x-signature': 'sha256=' },
    refused: /does not match/,
  },
  {
    name: 'refuses a signature of another body',
    type: 'generic-hmac',
    headers: { 'x-signature': sign('sha256', `${push} `) },
    refused: /does not match/,
  },
  {
    name: 'refuses a signature of the parsed and serialized body',
    type: 'generic-hmac',
    body: JSON.stringify(JSON.parse(push), null, 2),
    headers: { 'x-signature': sign('sha256', push) },
    refused: /does not match/,
  },
  {
    name: 'takes a push',
    type: 'github',
    headers: { ...json, 'x-github-event': 'push', 'x-hub-signature-256': sign('sha256', push) },
    events: ['ping', 'push'],
  },
  {
    name: 'takes events without regard to case',
    type: 'github',
    headers: { ...json, 'x-github-event': 'push', 'x-hub-signature-256': sign('sha256', push) },
    events: ['PUSH'],
  },
  {
    name: 'takes every event without a list',
    type: 'github',
    headers: { ...json, 'x-github-event': 'star', 'x-hub-signature-256': sign('sha256', push) },
  },
  {
    name: 'takes the older signature alone',
    type: 'github',
    headers: { ...json, 'x-github-event': 'push', 'x-hub-signature': sign('sha1', push) },
  },
  {
    name: 'takes a form, signed as it was sent',
    type: 'github',
    body: form,
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-github-event': 'push',
      'x-hub-signature-256': sign('sha256', form),
    },
  },
  {
    name: 'does not fall back when the newer signature is wrong',
    type: 'github',
    headers: {
      ...json,
      'x-github-event': 'push',
      'x-hub-signature-256': sign('sha256', push, 'other'),
      'x-hub-signature': sign('sha1', push),
    },
    refused: /X-Hub-Signature-256 header does not match/,
  },
  {
    name: 'refuses no signature',
    type: 'github',
    headers: { ...json, 'x-github-event': 'push' },
    refused: /X-Hub-Signature header is missing/,
  },
  {
    name: 'refuses an event that is not listed',
    type: 'github',
    headers: { ...json, 'x-github-event': 'issues', 'x-hub-signature-256': sign('sha256', push) },
    events: ['push'],
    refused: /event "issues"/,
  },
  {
    name: 'refuses a request without an event when there is a list',
    type: 'github',
    headers: { ...json, 'x-hub-signature-256': sign('sha256', push) },
    events: ['push'],
    refused: /event ""/,
  },
  {
    name: 'refuses another content type',
    type: 'github',
    headers: { 'content-type': 'text/plain', 'x-github-event': 'push', 'x-hub-signature-256': sign('sha256', push) },
    refused: /Content-Type "text\/plain"/,
  },
  {
    name: 'takes a push hook',
    type: 'gitlab',
    headers: { 'x-gitlab-token': token, 'x-gitlab-event': 'Push Hook' },
    events: ['Push Hook', 'Tag Push Hook'],
  },
  {
    name: 'refuses another token',
    type: 'gitlab',
    headers: { 'x-gitlab-token': `${token} `, 'x-gitlab-event': 'Push Hook' },
    refused: /X-Gitlab-Token/,
  },
  { name: 'refuses no token', type: 'gitlab', headers: { 'x-gitlab-event': 'Push Hook' }, refused: /X-Gitlab-Token/ },
  {
    name: 'refuses an event that is not listed',
    type: 'gitlab',
    headers: { 'x-gitlab-token': token, 'x-gitlab-event': 'Issue Hook' },
    events: ['Push Hook'],
    refused: /event "Issue Hook"/,
  },
];

describe('receiver types', () => {
  for (const { name, type, headers, body = push, events = [], refused } of cases)
    it(`${type} ${name}`, () => {
      const verify = () =>
        receiverTypeOf(type)!.verify(liveRequest(Buffer.from(body), headers), Buffer.from(token), events);
      if (!refused) return verify();
      assert.throws(verify, (error: unknown) => error instanceof HookRejected && refused.test(error.message));
    });

  it('agrees with the example that GitHub publishes', () => {
    const request = liveRequest(Buffer.from(published.body), { ...json, 'x-hub-signature-256': published.signature });
    receiverTypeOf('github')!.verify(request, Buffer.from(published.secret), []);
    const changed = liveRequest(Buffer.from(`${published.body}!`), {
      ...json,
      'x-hub-signature-256': published.signature,
    });
    assert.throws(() => receiverTypeOf('github')!.verify(changed, Buffer.from(published.secret), []), HookRejected);
  });

  it('knows no other names', () => {
    for (const name of ['nexus', '', 'constructor', '__proto__']) assert.equal(receiverTypeOf(name), undefined);
  });

  it('never says the token or the expected signature', () => {
    for (const { type, headers, body = push, events = [], refused } of cases.filter(each => each.refused))
      assert.throws(
        () => receiverTypeOf(type)!.verify(liveRequest(Buffer.from(body), headers), Buffer.from(token), events),
        (error: Error) =>
          refused !== undefined && !error.message.includes(token) && !/[0-9a-f]{20}/.test(error.message),
      );
  });
});

describe('webhook path', () => {
  // The digest of "abc" is the one that FIPS 180 gives.
  it('is the digest of token, name and namespace', () => {
    assert.equal(webhookPath('a', 'b', 'c'), '/hook/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    assert.equal(webhookPath(Buffer.from('a'), 'b', 'c'), webhookPath('a', 'b', 'c'));
  });

  it('is recognised, and nothing else is', () => {
    assert.ok(isWebhookPath(webhookPath('a', 'b', 'c')));
    for (const path of [
      '/hook/',
      '/hook/abc',
      `${webhookPath('a', 'b', 'c')}?x=1`,
      `${webhookPath('a', 'b', 'c')}/`,
      '/',
    ])
      assert.equal(isWebhookPath(path), false, path);
  });
});
