import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unsupportedFields } from './definition.ts';
import { kindOf } from './kinds.ts';

const metadata = { name: 'a', namespace: 'b' };
const object = (kind: string, spec: Record<string, unknown>) => ({ apiVersion: 'x/v1', kind, metadata, spec });

describe('unsupported', () => {
  const table: [string, string, Record<string, unknown>, string[]][] = [
    ['a repository over https', 'GitRepository', { url: 'https://git.example.com/a', interval: '1m' }, []],
    [
      'everything that is built',
      'GitRepository',
      {
        url: 'http://git.example.com/a',
        interval: '1m',
        timeout: '20s',
        ref: { branch: 'main', tag: 't', semver: '*', name: 'refs/heads/x', commit: 'abc' },
        secretRef: { name: 's' },
        proxySecretRef: { name: 'p' },
        provider: 'azure',
        serviceAccountName: 'a',
        verify: { mode: 'TagAndHEAD', secretRef: { name: 'k' } },
        recurseSubmodules: true,
        include: [{ repository: { name: 'a' } }],
        ignore: '*.md',
        sparseCheckout: ['a'],
        suspend: true,
      },
      [],
    ],
    ['ssh', 'GitRepository', { url: 'ssh://git@example.com/a' }, []],
    ['a Kustomization', 'Kustomization', { sourceRef: { kind: 'GitRepository', name: 'a' } }, []],
    ['a source of any kind', 'Kustomization', { sourceRef: { kind: 'Bucket', name: 'a' } }, []],
    [
      'decryption and remote clusters',
      'Kustomization',
      {
        sourceRef: { kind: 'GitRepository' },
        decryption: { provider: 'sops' },
        kubeConfig: {},
        healthCheckExprs: [{}],
        dependsOn: [{ name: 'a' }, { name: 'b', readyExpr: 'true' }, { name: 'c', readyExpr: 'true' }],
      },
      ['spec.decryption', 'spec.kubeConfig'],
    ],
    ['a GitHub webhook', 'Receiver', { type: 'github', events: ['push'], secretRef: { name: 'a' } }, []],
    ['a webhook of Quay', 'Receiver', { type: 'quay' }, ['spec.type: quay']],
    ['filters', 'Receiver', { type: 'github', resourceFilter: 'true', resources: [{ filter: 'true' }, {}] }, []],
    ['Slack', 'Provider', { type: 'slack', address: 'https://a', channel: 'c', username: 'u' }, []],
    ['Telegram', 'Provider', { type: 'telegram' }, ['spec.type: telegram']],
    ['a proxy', 'Provider', { type: 'slack', proxySecretRef: { name: 'a' } }, ['spec.proxySecretRef']],
    ['an Alert', 'Alert', { eventSources: [], summary: 's' }, []],
  ];
  for (const [name, kind, spec, expected] of table)
    it(`${kind}: ${name}`, () => assert.deepEqual(kindOf(kind)!.unsupported(object(kind, spec)), expected));

  it('takes what is switched off for absent', () => {
    const table = [{ path: 'spec.a' }, { path: 'spec.b[].c' }];
    const found = (spec: Record<string, unknown>) => unsupportedFields(table, object('X', spec));
    for (const a of [false, '', [], null, undefined]) assert.deepEqual(found({ a, b: [{ c: a }] }), []);
    assert.deepEqual(found({ a: true, b: [{ c: 1 }, { c: 2 }] }), ['spec.a', 'spec.b[].c']);
  });

  it('bears an object without a spec', () => {
    assert.deepEqual(kindOf('Kustomization')!.unsupported({ apiVersion: 'x', kind: 'Kustomization', metadata }), []);
  });
});
