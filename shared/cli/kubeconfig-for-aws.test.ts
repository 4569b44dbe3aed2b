import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { selfSigned } from '../../test/scenario/certificate.ts';
import { kubeconfigForAws, reachableFromAws } from './kubeconfig-for-aws.ts';
import { minifyKubeconfig } from './minified-kubeconfig.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-kubeconfig-aws-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'config');
writeFileSync(join(dir, 'token'), 'a-token-of-a-file\n');
const now = Date.parse('2026-01-01T00:00:00Z');

function forAws(user: object, at = now) {
  const text = stringify({
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://api.example.com' } }],
    users: [{ name: 'u', user }],
  });
  const { kept, notes } = kubeconfigForAws(minifyKubeconfig(text, file, undefined), file, at);
  return { user: parse(kept.text).users[0].user, notes };
}

const jwt = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${Buffer.from('signature').toString('base64url')}`;
const seconds = (date: string) => Date.parse(date) / 1000;

describe('a kubeconfig for an installation on AWS', () => {
  it('is kept as it is when nothing of it lies elsewhere', () => {
    assert.deepEqual(forAws({ token: 'x' }), { user: { token: 'x' }, notes: [] });
    assert.deepEqual(forAws({ username: 'a', password: 'b' }).user, { username: 'a', password: 'b' });
  });

  it('holds the token of its file', () => {
    assert.deepEqual(forAws({ tokenFile: 'token' }), { user: { token: 'a-token-of-a-file' }, notes: [] });
    assert.deepEqual(forAws({ tokenFile: 'token', token: 'own' }).user, { token: 'own' });
    assert.throws(() => forAws({ tokenFile: 'absent' }), {
      code: 'Failed',
      message: /tokenFile of .*config cannot be read/,
    });
  });

  it('tells when its credentials end', async () => {
    const [note] = forAws({ token: jwt({ exp: seconds('2026-03-01T00:00:00Z') }) }).notes;
    assert.match(note!, /end on 2026-03-01T00:00:00.000Z; register the cluster again/);
    assert.deepEqual(forAws({ token: jwt({ exp: seconds('2036-01-01T00:00:00Z') }) }).notes, []);
    assert.deepEqual(forAws({ token: jwt({ sub: 'x' }) }).notes, []);
    const { cert } = await selfSigned();
    const end = Date.parse(new X509Certificate(cert).validTo);
    const user = { 'client-certificate-data': btoa(cert), 'client-key-data': btoa('key') };
    const [soon] = forAws(user, end - 86_400_000).notes;
    assert.ok(soon?.includes(new Date(end).toISOString()), soon);
    assert.deepEqual(forAws(user, end - 1000 * 86_400_000).notes, []);
  });

  const plugins: [string, object, RegExp][] = [
    [
      'of the AWS command, by the EKS name in it',
      { exec: { command: 'aws', args: ['--region', 'eu-west-1', 'eks', 'get-token', '--cluster-name', 'main'] } },
      /user "u" of \S+config signs in by the exec plugin "aws", .*`sluice cluster add NAME --eks main --region eu-west-1 --aws`/,
    ],
    [
      'of the authenticator',
      { exec: { command: '/usr/bin/aws-iam-authenticator', args: ['token', '-i', 'main'] } },
      /--eks main --region REGION --aws/,
    ],
    ['without arguments', { exec: { command: 'aws', args: null } }, /--eks CLUSTER --region REGION --aws/],
    [
      'of others',
      { exec: { command: 'gke-gcloud-auth-plugin' } },
      /"gke-gcloud-auth-plugin", which the functions on AWS do not have; sign in with the token of a service account.*docs\/clusters.md/,
    ],
    ['that is an auth provider', { 'auth-provider': { name: 'oidc' } }, /the auth provider "oidc"/],
  ];
  for (const [title, user, message] of plugins)
    it(`is refused with a plugin ${title}`, () => assert.throws(() => forAws(user), { code: 'Failed', message }));
});

describe('the address of an API server', () => {
  const names: Record<string, string[]> = {
    'inside.example': ['10.1.2.3'],
    'both.example': ['203.0.113.1', '192.168.1.1'],
    'kind.example': ['127.0.0.1'],
    'open.example': ['203.0.113.1', '2001:db8::1'],
  };
  const resolve = async (host: string) => names[host] ?? [];

  for (const [server, note] of [
    ['https://open.example', undefined],
    ['https://203.0.113.1:6443', undefined],
    ['https://unknown.example', undefined],
    ['https://10.0.0.1:6443', /^10\.0\.0\.1 is an address of a private network: .* VPC/],
    ['https://172.31.255.255', /^172/],
    ['https://100.64.0.1', /^100/],
    ['https://[fd12::1]:6443', /^fd12::1 is/],
    ['https://inside.example', /^10\.1\.2\.3 \(inside\.example\) is/],
    ['https://both.example', /^192\.168\.1\.1 \(both\.example\) is/],
  ] as [string, RegExp | undefined][])
    it(`${note ? 'is private' : 'is open'}: ${server}`, async () => {
      const notes = await reachableFromAws(server, false, resolve);
      if (!note) return assert.deepEqual(notes, []);
      assert.equal(notes.length, 1);
      assert.match(notes[0]!, note);
    });

  for (const server of ['https://127.0.0.1:6443', 'https://[::1]', 'https://kind.example', 'https://169.254.1.1'])
    it(`is refused: ${server}`, async () => {
      const message = new RegExp(`^the API server's address ${server.replace(/[[\].]/g, '\\$&')} leads to `);
      await assert.rejects(reachableFromAws(server, false, resolve), { code: 'Failed', message });
      assert.deepEqual(await reachableFromAws(server, true, resolve), []);
    });
});
