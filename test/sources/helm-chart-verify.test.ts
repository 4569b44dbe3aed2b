import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { installCosign } from '../programs/cosign.ts';
import { helm } from '../programs/helm.ts';
import { secret, yaml } from '../scenario/manifests.ts';
import { conditionOf, startWorld, until } from '../scenario/world.ts';
import { startRegistry } from './registry.ts';

const ns = 'helm-verify';
const api = 'source.toolkit.fluxcd.io/v1';
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: api,
  kind,
  metadata: { namespace: ns, name },
  spec: { interval: '10m', ...spec },
});

test("a chart that helm pushed is taken when cosign's signature is by a key of the Secret", async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-helm-verify-'));
  after(() => rm(dir, { recursive: true, force: true }));
  const [cosign, registry, world] = await Promise.all([
    installCosign(line => console.error(line)),
    startRegistry(),
    startWorld(),
  ]);
  try {
    await world.namespace(ns);
    // Names no transparency log: there is none here to write to.
    await writeFile(join(dir, 'signing.json'), '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}');
    for (const name of ['ours', 'other']) await cosign(dir, 'generate-key-pair', '--output-key-prefix', name);
    await helm(dir, 'create', 'app');
    await helm(dir, 'package', 'app', '--version', '1.0.0');
    await helm(dir, 'push', 'app-1.0.0.tgz', `oci://${registry.host}/charts`, '--plain-http');
    const key = async (name: string) => ({ [`${name}.pub`]: await readFile(join(dir, `${name}.pub`), 'utf8') });
    const verify = (name: string) => ({ verify: { provider: 'cosign', secretRef: { name } } });
    const chart = (name: string, keys: string) =>
      object('HelmChart', name, {
        chart: 'app',
        version: '1.0.0',
        sourceRef: { kind: 'HelmRepository', name: 'charts' },
        ...verify(keys),
      });
    await world.apply(
      yaml(
        secret(ns, 'ours', await key('ours')),
        secret(ns, 'other', await key('other')),
        object('HelmRepository', 'charts', { type: 'oci', url: `oci://${registry.host}/charts`, insecure: true }),
        chart('app', 'ours'),
        chart('other', 'other'),
      ),
    );
    const unsigned = await world.condition('HelmChart', ns, 'app', 'Ready', 'False', 'ChartVerificationError');
    assert.match(
      conditionOf(unsigned, 'BuildFailed')!.message,
      /^chart verification error: failed to verify the signature using provider 'cosign': .*no signatures found/,
    );
    assert.equal(conditionOf(unsigned, 'SourceVerified')?.reason, 'VerificationError');
    assert.equal(unsigned.status.artifact, undefined);

    const reference = `${registry.host}/charts/app:1.0.0`;
    const options = ['--allow-http-registry', '--signing-config', 'signing.json'];
    await cosign(dir, 'sign', '--key', 'ours.key', ...options, reference);
    for (const name of ['app', 'other'])
      await world.cluster.patch({ apiVersion: api, kind: 'HelmChart' }, ns, name, {
        type: 'merge',
        body: { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'signed' } } },
      });
    const signed = await world.condition('HelmChart', ns, 'app', 'Ready', 'True', 'ChartPullSucceeded');
    const verified = conditionOf(signed, 'SourceVerified');
    assert.deepEqual([verified?.status, verified?.message], ['True', 'verified signature of version 1.0.0']);
    const other = await until('the other was looked at again', async () => {
      const found = await world.get('HelmChart', ns, 'other');
      return found?.status.lastHandledReconcileAt === 'signed' ? found : undefined;
    });
    assert.equal(conditionOf(other, 'Ready')?.reason, 'ChartVerificationError');
    assert.equal(conditionOf(other, 'SourceVerified')?.status, 'False');

    // Without spec.verify nothing is said of signatures.
    const { verify: _, ...spec } = chart('app', 'ours').spec as Record<string, unknown>;
    await world.cluster.patch({ apiVersion: api, kind: 'HelmChart' }, ns, 'app', {
      type: 'merge',
      body: { spec: { ...spec, verify: null } },
    });
    await until('it is not said any more', async () => {
      const found = await world.get('HelmChart', ns, 'app');
      return found && conditionOf(found, 'SourceVerified') === undefined;
    });
  } finally {
    await registry.stop();
  }
});
