import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { publicTrust } from './cosign-trust.ts';
import { PrivateSigstore } from './testing/sigstore.ts';

const keys = generateKeyPairSync('ed25519');
const keyid = 'ours';
let dir: string;
let server: Server;
let mirror: string;
let rootPath: string;
let asked: string[] = [];
/** What the repository serves, by path. */
const files = new Map<string, Buffer>();

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-tuf-test-'));
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = files.get(new URL(request.url ?? '', 'http://x').pathname.replace(/^\/[^/]*/, ''));
    response.writeHead(file ? 200 : 404).end(file);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  rootPath = join(dir, 'root.json');
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** Metadata of TUF, signed. */
function signed(content: object, key = keys.privateKey): Buffer {
  const all = { spec_version: '1.0.31', version: 1, expires: '2049-01-01T00:00:00Z', ...content };
  const sig = sign(null, Buffer.from(canonical(all)), key).toString('hex');
  return Buffer.from(JSON.stringify({ signed: all, signatures: [{ keyid, sig }] }));
}

/** A repository as Sigstore's, with this root in it; `key` signs what says when it was changed last. */
function publish(trustedRoot: Buffer, key = keys.privateKey): void {
  const role = { keyids: [keyid], threshold: 1 };
  const value = keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const root = signed({
    _type: 'root',
    consistent_snapshot: true,
    keys: { [keyid]: { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: value } } },
    roles: { root: role, timestamp: role, snapshot: role, targets: role },
  });
  writeFileSync(rootPath, root);
  const sha256 = createHash('sha256').update(trustedRoot).digest('hex');
  files.clear();
  files.set(`/targets/${sha256}.trusted_root.json`, trustedRoot);
  const targets = { 'trusted_root.json': { length: trustedRoot.length, hashes: { sha256 } } };
  files.set('/1.targets.json', signed({ _type: 'targets', targets }));
  files.set('/1.snapshot.json', signed({ _type: 'snapshot', meta: { 'targets.json': { version: 1 } } }));
  files.set('/timestamp.json', signed({ _type: 'timestamp', meta: { 'snapshot.json': { version: 1 } } }, key));
}

const day = 24 * 60 * 60_000;

test("the public instance's root is fetched by TUF, once a day", async () => {
  const sigstore = await PrivateSigstore.create();
  publish(sigstore.trustedRoot);
  const repository = { mirrorURL: `${mirror}/once`, rootPath };
  const now = Date.now();
  const material = await publicTrust(now, repository);
  assert.deepEqual(
    material.tlogs.map(({ baseURL }) => baseURL),
    ['https://rekor.example.com'],
  );
  const before = asked.length;
  assert.ok(before >= 4);
  assert.equal(await publicTrust(now + day - 1, repository), material);
  assert.equal(asked.length, before);
  await publicTrust(now + day, repository);
  assert.ok(asked.length > before);
});

test('a root that cannot be fetched says so, and is asked for again after a minute', async () => {
  publish((await PrivateSigstore.create()).trustedRoot);
  const timestamp = files.get('/timestamp.json')!;
  files.delete('/timestamp.json');
  const repository = { mirrorURL: `${mirror}/later`, rootPath };
  const now = Date.now();
  const refused = {
    code: 'TrustedRootUnavailable',
    message: /^unable to initialize trusted root: .*trustedRootSecretRef$/,
  };
  await assert.rejects(publicTrust(now, repository), refused);
  files.set('/timestamp.json', timestamp);
  asked = [];
  await assert.rejects(publicTrust(now + 59_999, repository), refused);
  assert.deepEqual(asked, []);
  assert.equal((await publicTrust(now + 60_000, repository)).tlogs.length, 1);
});

test('a repository that is signed with another key is refused', async () => {
  const other = generateKeyPairSync('ed25519').privateKey;
  publish((await PrivateSigstore.create()).trustedRoot, other);
  await assert.rejects(publicTrust(Date.now(), { mirrorURL: `${mirror}/forged`, rootPath }), {
    code: 'TrustedRootUnavailable',
  });
});

test('a root that is not the one of the metadata is refused', async () => {
  const sigstore = await PrivateSigstore.create();
  publish(sigstore.trustedRoot);
  const [path] = [...files.keys()].filter(name => name.startsWith('/targets/'));
  files.set(path!, (await PrivateSigstore.create()).trustedRoot);
  await assert.rejects(publicTrust(Date.now(), { mirrorURL: `${mirror}/swapped`, rootPath }), {
    code: 'TrustedRootUnavailable',
  });
});
