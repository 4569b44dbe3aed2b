import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Kustomization } from './kustomize/kustomization.ts';
import { Alert } from './notification/alert.ts';
import { Provider } from './notification/provider.ts';
import { Receiver } from './notification/receiver.ts';
import type { KubeObject } from './object.ts';
import { GitRepository } from './source/git-repository.ts';

const metadata = { name: 'a', namespace: 'b' };
const object = (spec: unknown) => ({ apiVersion: 'g/v1', kind: 'K', metadata, spec });

describe('parsing fills defaults', () => {
  it('GitRepository', () => {
    const parsed: KubeObject = GitRepository.parse(
      object({ url: 'https://a', interval: '1m', verify: { secretRef: { name: 'keys' } } }),
    );
    assert.deepEqual(parsed.spec, {
      url: 'https://a',
      interval: '1m',
      timeout: '60s',
      verify: { mode: 'HEAD', secretRef: { name: 'keys' } },
    });
    assert.deepEqual(parsed.status, { observedGeneration: -1 });
  });

  it('Kustomization', () => {
    const { spec } = Kustomization.parse(
      object({
        interval: '1m',
        prune: true,
        sourceRef: { kind: 'GitRepository', name: 'a' },
        postBuild: { substituteFrom: [{ kind: 'Secret', name: 's' }] },
      }),
    );
    assert.equal(spec.force, false);
    assert.deepEqual(spec.postBuild?.substituteFrom, [{ kind: 'Secret', name: 's', optional: false }]);
  });

  it('Receiver and Alert', () => {
    assert.equal(
      Receiver.parse(object({ type: 'github', resources: [], secretRef: { name: 's' } })).spec.interval,
      '10m',
    );
    assert.equal(Alert.parse(object({ providerRef: { name: 'p' }, eventSources: [] })).spec.eventSeverity, 'info');
  });

  it('keeps metadata as it is', () => {
    const rich = { ...metadata, uid: 'u', generation: 3, labels: { a: 'b' }, managedFields: [{ manager: 'm' }] };
    const parsed = Provider.parse({ apiVersion: 'g/v1', kind: 'Provider', metadata: rich, spec: { type: 'slack' } });
    assert.deepEqual(parsed.metadata, rich);
  });
});

describe('parsing refuses what the API server refuses', () => {
  const git = { url: 'https://a', interval: '1m' };
  const kustomization = { interval: '1m', prune: true, sourceRef: { kind: 'GitRepository', name: 'a' } };
  const receiver = { type: 'github', resources: [], secretRef: { name: 's' } };
  type Parser = { safeParse(value: unknown): { success: boolean } };
  const table: [string, Parser, unknown, boolean][] = [
    ['a scheme', GitRepository, { ...git, url: 'ftp://a' }, false],
    ['an interval without unit', GitRepository, { ...git, interval: '10' }, false],
    ['a time-out in hours', GitRepository, { ...git, timeout: '1h' }, false],
    ['a service account without provider', GitRepository, { ...git, serviceAccountName: 's' }, false],
    ['a service account with provider', GitRepository, { ...git, serviceAccountName: 's', provider: 'azure' }, true],
    [
      'a service account with another provider',
      GitRepository,
      { ...git, serviceAccountName: 's', provider: 'github' },
      false,
    ],
    ['a kubeConfig with nothing', Kustomization, { ...kustomization, kubeConfig: {} }, false],
    ['a kubeConfig', Kustomization, { ...kustomization, kubeConfig: { secretRef: { name: 'a' } } }, true],
    [
      'a kubeConfig with both',
      Kustomization,
      { ...kustomization, kubeConfig: { secretRef: { name: 'a' }, configMapRef: { name: 'a' } } },
      false,
    ],
    ['no prune', Kustomization, { ...kustomization, prune: undefined }, false],
    ['no secret', Receiver, { ...receiver, secretRef: undefined }, false],
    ['OIDC with a secret', Receiver, { ...receiver, type: 'generic-oidc' }, false],
    ['OIDC without providers', Receiver, { type: 'generic-oidc', resources: [] }, false],
    [
      'OIDC',
      Receiver,
      {
        type: 'generic-oidc',
        resources: [],
        oidcProviders: [{ issuerURL: 'https://i', validations: [{ expression: 'true', message: 'm' }] }],
      },
      true,
    ],
    ['an unknown type', Provider, { type: 'pigeon' }, false],
    ['a commit status of a chat', Provider, { type: 'slack', commitStatusExpr: 'x' }, false],
    ['a commit status', Provider, { type: 'github', commitStatusExpr: 'x' }, true],
    ['a long summary', Alert, { providerRef: { name: 'p' }, eventSources: [], summary: 'x'.repeat(256) }, false],
  ];
  for (const [name, schema, spec, valid] of table)
    it(`${valid ? 'accepts' : 'refuses'} ${name}`, () => {
      assert.equal(schema.safeParse(object(spec)).success, valid);
    });
});
