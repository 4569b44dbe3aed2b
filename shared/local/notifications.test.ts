import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fixtureFunctions, scratch } from './fixture/start-host.ts';
import { type Host, startHost } from './host.ts';
import { Notifications } from './notifications.ts';

const slack = {
  username: 'sluice',
  attachments: [
    {
      color: 'danger',
      author_name: 'kustomization/demo.apps',
      text: 'it <failed> & "broke"',
      fields: [
        { title: 'revision', value: 'main@sha1:abc', short: false },
        { title: 'summary', value: '<script>alert(1)</script>', short: false },
      ],
    },
  ],
};
const teams = {
  type: 'message',
  attachments: [
    {
      contentType: 'application/vnd.microsoft.card.adaptive',
      content: {
        type: 'AdaptiveCard',
        body: [
          {
            type: 'Container',
            items: [
              { type: 'TextBlock', text: 'gitrepository/demo.apps' },
              { type: 'TextBlock', text: 'stored artifact' },
              { type: 'FactSet', facts: [{ title: 'revision', value: 'main@sha1:def' }] },
            ],
          },
        ],
      },
    },
  ],
};
const generic = {
  involvedObject: { kind: 'Kustomization', name: 'demo', namespace: 'apps' },
  severity: 'info',
  message: 'applied',
  reason: 'ReconciliationSucceeded',
  metadata: { 'kustomize.toolkit.fluxcd.io/revision': 'main@sha1:123' },
};

describe('notifications', () => {
  let host: Host;
  const dir = scratch();
  before(async () => {
    host = await startHost({ dir, threads: 1, functions: fixtureFunctions });
  });
  after(() => host.close());
  const post = (form: string, body: string) =>
    fetch(`${host.url}/notifications/sink/${form}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });

  test('the forms of the chat services are understood: who, what, severity, revision', async () => {
    for (const [form, payload] of Object.entries({ slack, msteams: teams, generic })) {
      const response = await post(form, JSON.stringify(payload));
      assert.equal(response.status, 200);
      assert.equal(await response.text(), 'ok');
    }
    const [third, second, first] = host.notifications.all;
    assert.deepEqual(
      [first?.who, first?.severity, first?.revision],
      ['kustomization/demo.apps', 'error', 'main@sha1:abc'],
    );
    assert.deepEqual(
      [second?.who, second?.severity, second?.revision],
      ['gitrepository/demo.apps', 'info', 'main@sha1:def'],
    );
    assert.equal(second?.message, 'stored artifact');
    assert.deepEqual(
      [third?.who, third?.message, third?.revision],
      ['kustomization/demo.apps', 'applied', 'main@sha1:123'],
    );
  });

  test('what is no notification is refused', async () => {
    assert.equal((await post('slack', 'not json')).status, 400);
    assert.equal((await post('slack', '{"a":1}')).status, 400);
    assert.equal((await post('slack', JSON.stringify({ text: 'x'.repeat(300_000) }))).status, 413);
    assert.equal((await fetch(`${host.url}/notifications/sink/slack`)).status, 405);
  });

  test('the page shows them escaped, allows no foreign content and links nowhere', async () => {
    const response = await fetch(`${host.url}/notifications`);
    const page = await response.text();
    assert.match(page, /kustomization&#47;demo|kustomization\/demo\.apps/);
    assert.match(page, /it &#60;failed&#62; &#38; &#34;broke&#34;/);
    assert.doesNotMatch(page, /<script>alert/);
    assert.doesNotMatch(page, /(src|href)=/);
    assert.match(response.headers.get('content-security-policy')!, /default-src 'none'/);
  });

  test('pages of others, and names that were pointed here, get nothing', async () => {
    const cases: Record<string, string>[] = [
      { host: 'evil.example' },
      { origin: 'https://evil.example' },
      { 'x-forwarded-for': '203.0.113.1' },
    ];
    for (const headers of cases) {
      const asked = request(`${host.url}/notifications`, { headers }).end();
      const [answer] = await once(asked, 'response');
      assert.equal(answer.statusCode, 403, JSON.stringify(headers));
      answer.resume();
    }
  });

  test('new ones are streamed to the page', async () => {
    const leaving = new AbortController();
    const response = await fetch(`${host.url}/notifications/events`, { signal: leaving.signal });
    await post('slack', JSON.stringify({ ...slack, attachments: [{ ...slack.attachments[0], text: 'streamed' }] }));
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('streamed')) break;
    }
    assert.match(text, /data: \{"id":4,"html":"<article/);
    leaving.abort();
  });

  test('they are there again after a restart, the newest few of many', async () => {
    const again = new Notifications(join(dir, 'notifications.jsonl'));
    assert.equal(again.all.length, 4);
    const { id: _, ...one } = again.all[0]!;
    for (let i = 0; i < 1000; i++) await again.add({ ...one, message: String(i) });
    const kept = new Notifications(join(dir, 'notifications.jsonl')).all;
    assert.equal(kept[0]!.message, '999');
    assert.ok(kept.length >= 200 && kept.length <= 400);
  });
});
