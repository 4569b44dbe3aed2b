import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import type { Sign } from './testing/attempt.ts';
import { attempt } from './testing/cosign-attempt.ts';
import { legacyKeyless, pushLegacy, simpleSigning } from './testing/cosign-signer.ts';
import { type LogEntry, PrivateSigstore } from './testing/sigstore.ts';

const ours = { issuer: 'oidc', subject: '^https://ci' };
let server: Server;
let sigstore: PrivateSigstore;
let asked: { url: string; body: { entries: { spec: { signature: { content: string } } }[] } }[] = [];
let answer: (proposed: object) => unknown = () => [];

before(async () => {
  server = createServer(async (request, response) => {
    const body = (await json(request)) as (typeof asked)[number]['body'];
    asked.push({ url: request.url ?? '', body });
    const said = answer(body.entries[0]!);
    response.writeHead(said === undefined ? 500 : 200, { 'content-type': 'application/json' });
    response.end(typeof said === 'string' ? said : JSON.stringify(said ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  sigstore = await PrivateSigstore.create(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
});

/** An entry as Rekor's API writes it. */
const told = ({ body, integratedTime, logIndex, logId, set }: LogEntry) => ({
  body: body.toString('base64'),
  integratedTime,
  logIndex,
  logID: logId.toString('hex'),
  verification: { signedEntryTimestamp: set.toString('base64') },
});

/** Without the log's entry beside it. */
const withoutEntry: Sign = async (registry, artifact) => {
  const layer = legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(artifact.digest));
  delete layer.annotations['dev.sigstore.cosign/bundle'];
  pushLegacy(registry, artifact, [layer]);
};
const now = () => Math.floor(Date.now() / 1000);

const table: [string, (proposed: object) => unknown, RegExp][] = [
  ['its entry', proposed => [{ a: told(sigstore.log(proposed)) }], /^verified/],
  [
    'the oldest of its entries',
    proposed => [{ a: told(sigstore.log(proposed, now() + 3_600)) }, { b: told(sigstore.log(proposed)) }],
    /^verified/,
  ],
  ['none', () => [], /the transparency log http:\/\/127.* has no entry for it$/],
  [
    'an entry that the log did not sign',
    p => [{ a: { ...told(sigstore.log(p)), integratedTime: now() - 9 } }],
    /promise/,
  ],
  ['an entry of when the certificate was expired', p => [{ a: told(sigstore.log(p, now() + 3_600)) }], /expired/],
  [
    'the entry of something else',
    () => [{ a: told(sigstore.log({ apiVersion: '0.0.1', kind: 'hashedrekord', spec: { data: {}, signature: {} } })) }],
    /mismatch/,
  ],
  ['what is no answer', () => '<html>', /answers with what are no entries$/],
  ['a failure', () => undefined, /answers 500$/],
];
for (const [name, says, expected] of table)
  test(`Rekor is asked for what a signature does not bring, and answers ${name}`, async () => {
    answer = says;
    assert.match(await attempt(withoutEntry, { trustedRoot: sigstore.trustedRoot, identities: [ours] }), expected);
    assert.deepEqual(
      asked.map(({ url }) => url),
      ['/api/v1/log/entries/retrieve'],
    );
  });

test('Rekor is not asked for what a signature brings', async () => {
  const sign: Sign = async (r, a) =>
    pushLegacy(r, a, [legacyKeyless(sigstore, await sigstore.certificate(), simpleSigning(a.digest))]);
  assert.match(await attempt(sign, { trustedRoot: sigstore.trustedRoot, identities: [ours] }), /^verified/);
  assert.deepEqual(asked, []);
});
