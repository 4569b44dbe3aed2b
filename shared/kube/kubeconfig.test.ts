import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ClusterRecord, Index } from '../ports/index.ts';
import type { Secrets } from '../ports/secrets.ts';
import { credentialSource } from './access.ts';
import { accessFromKubeconfig, KubeconfigError } from './kubeconfig.ts';
import { registeredClusters } from './registered.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-kubeconfig-'));
after(() => rmSync(dir, { recursive: true }));

const kubeconfig = (user: string, cluster = '{server: "https://127.0.0.1:1"}') => `
apiVersion: v1
kind: Config
current-context: main
contexts: [{name: main, context: {cluster: c, user: u}}, {name: other, context: {cluster: absent, user: u}}]
clusters: [{name: c, cluster: ${cluster}}]
users: [{name: u, user: ${user}}]
`;
const refused = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KubeconfigError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, text);
  return true;
};

describe('accessFromKubeconfig', () => {
  it('reads tokens, passwords and embedded or filed authorities', async () => {
    writeFileSync(join(dir, 'ca.pem'), 'PEM of a file');
    const embedded = `{server: "https://a:1", certificate-authority-data: ${Buffer.from('PEM').toString('base64')}, tls-server-name: kube}`;
    assert.deepEqual(await accessFromKubeconfig(kubeconfig('{token: t}', embedded)), {
      server: 'https://a:1',
      ca: 'PEM',
      tlsServerName: 'kube',
      token: 't',
    });
    const filed = `{server: "https://a:1", certificate-authority: ${join(dir, 'ca.pem')}}`;
    assert.equal((await accessFromKubeconfig(kubeconfig('{}', filed))).ca, 'PEM of a file');
    const access = await accessFromKubeconfig(
      kubeconfig('{username: a, password: b}', '{server: "https://a:1", insecure-skip-tls-verify: true}'),
    );
    assert.deepEqual([access.insecure, await credentialSource(access)(false)], [true, { authorization: 'Basic YTpi' }]);
  });

  it('names the contexts there are', async () => {
    await assert.rejects(
      accessFromKubeconfig(kubeconfig('{}'), 'prod'),
      refused('ContextMissing', /no context "prod"; it has: main, other/),
    );
    await assert.rejects(
      accessFromKubeconfig(kubeconfig('{}'), 'other'),
      refused('ContextMissing', /context "other" names a cluster/),
    );
    await assert.rejects(
      accessFromKubeconfig('a: [secret-stuff'),
      (error: Error) => !error.message.includes('secret-stuff') && error instanceof KubeconfigError,
    );
    await assert.rejects(
      accessFromKubeconfig(kubeconfig('{}', '{server: "https://a", certificate-authority: /nowhere/ca.pem}')),
      refused('Unreadable', /certificate-authority file "\/nowhere\/ca.pem" cannot be read \(ENOENT\)/),
    );
  });

  it('refuses a certificate that has expired, and one that is none', async () => {
    const [cert, key] = [join(dir, 'user.crt'), join(dir, 'user.key')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=u', '-days', '2', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const text = kubeconfig(`{client-certificate: ${cert}, client-key: ${key}}`);
    assert.equal((await accessFromKubeconfig(text)).cert, readFileSync(cert, 'utf8'));
    const later = { now: () => Date.now() + 3 * 86_400_000 };
    await assert.rejects(
      accessFromKubeconfig(text, undefined, later),
      refused('CertificateExpired', /of user "u" expired on .* GMT/),
    );
    const none = Buffer.from('x').toString('base64');
    await assert.rejects(
      accessFromKubeconfig(kubeconfig(`{client-certificate-data: ${none}, client-key-data: ${none}}`)),
      refused('Invalid', /not a PEM certificate/),
    );
  });

  it('runs exec plugins once for many requests, and again when refused', async () => {
    const plugin = join(dir, 'plugin.sh');
    const count = join(dir, 'count');
    writeFileSync(count, '');
    writeFileSync(
      plugin,
      `#!/bin/sh\nprintf x >> ${count}\nn=$(wc -c < ${count} | tr -d ' ')\nprintf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}' "$n"\n`,
    );
    chmodSync(plugin, 0o755);
    const access = await accessFromKubeconfig(
      kubeconfig(`{exec: {apiVersion: client.authentication.k8s.io/v1, command: ${plugin}, interactiveMode: Never}}`),
    );
    const credentials = credentialSource(access);
    const answers = await Promise.all([credentials(false), credentials(false), credentials(false)]);
    assert.deepEqual(
      answers.map(answer => answer.authorization),
      Array(3).fill('Bearer t1'),
    );
    assert.equal((await credentials(false)).authorization, 'Bearer t1');
    assert.equal((await credentials(true)).authorization, 'Bearer t2');
    assert.equal(readFileSync(count, 'utf8').length, 2);
  });

  it('says which plugin is missing, or what it complained of', async () => {
    const user = (command: string, args = '[]') =>
      `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ${command}, args: ${args}, interactiveMode: Never}}`;
    const missing = await accessFromKubeconfig(kubeconfig(user('no-such-plugin')));
    await assert.rejects(
      credentialSource(missing)(false),
      refused('SignInFailed', /exec plugin "no-such-plugin" is not installed or not on the PATH/),
    );
    const failing = await accessFromKubeconfig(kubeconfig(user('sh', '["-c", "echo session expired >&2; exit 1"]')));
    await assert.rejects(credentialSource(failing)(false), refused('SignInFailed', /"sh" failed: session expired/));
  });
});

describe('registeredClusters', () => {
  const record = (name: string, access: ClusterRecord['access']): ClusterRecord => ({
    name,
    access,
    changes: 'sweep',
    addedAt: 1,
  });
  const open = () => {
    const records = new Map<string, ClusterRecord>([
      ['a', record('a', { type: 'kubeconfig', secret: 'cluster/a' })],
      ['eks', record('eks', { type: 'eks', region: 'r', clusterName: 'c', server: 'https://c.example', ca: '' })],
    ]);
    const stored = new Map<string, string>();
    const index = {
      cluster: async (name: string) => records.get(name),
      clusters: async () => [...records.values()],
    } as Partial<Index> as Index;
    const secrets = { get: async (name: string) => stored.get(name) } as Partial<Secrets> as Secrets;
    return { records, stored, clusters: registeredClusters(index, secrets) };
  };

  it('connects each once, again when the registration changed, and not at all when it is gone', async () => {
    const { records, stored, clusters } = open();
    stored.set('cluster/a', kubeconfig('{token: t}'));
    const [first, second] = await Promise.all([clusters.get('a'), clusters.get('a')]);
    assert.equal(first, second);
    records.set('a', { ...records.get('a')!, addedAt: 2 });
    assert.notEqual(await clusters.get('a'), first);
    records.delete('a');
    await assert.rejects(clusters.get('a'), /no cluster "a" is registered/);
    assert.deepEqual(await clusters.names(), ['eks']);
  });

  it('says what is missing, and tries again next time', async () => {
    const { stored, clusters } = open();
    await assert.rejects(clusters.get('a'), /kubeconfig of cluster "a" is missing \(secret "cluster\/a"\)/);
    stored.set('cluster/a', kubeconfig('{token: t}'));
    assert.equal((await clusters.get('a')).name, 'a');
    await assert.rejects(
      clusters.get('eks'),
      /cluster "eks" is registered by its EKS name, and nothing here can sign in to EKS/,
    );
  });
});
