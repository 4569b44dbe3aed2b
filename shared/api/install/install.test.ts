import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crdOf } from '../crd.ts';
import { kindOf, kinds } from '../kinds.ts';
import type { KubeObject } from '../object.ts';
import { newerThanOurs } from './newer.ts';
import { installObjects } from './objects.ts';

describe('installObjects', () => {
  const objects = installObjects({ namespace: 'flux-system' });
  const find = (kind: string, name: string) =>
    objects.find(object => object.kind === kind && object.metadata.name === name)!;

  it('has the namespace first and a CRD for every kind', () => {
    assert.equal(objects[0]?.kind, 'Namespace');
    const names = objects.filter(object => object.kind === 'CustomResourceDefinition').map(o => o.metadata.name);
    assert.deepEqual(
      names,
      kinds.map(kind => `${kind.plural}.${kind.group}`),
    );
  });

  it('names no object twice, and labels all of them', () => {
    const ids = objects.map(object => `${object.kind}/${object.metadata.name}`);
    assert.equal(new Set(ids).size, ids.length);
    for (const object of objects) assert.equal(object.metadata.labels?.['app.kubernetes.io/part-of'], 'flux');
  });

  it('lets view read, and edit and admin write, the toolkit kinds', () => {
    const aggregates = (name: string) =>
      Object.keys(find('ClusterRole', name).metadata.labels!).filter(label => label.includes('aggregate-to'));
    assert.deepEqual(
      aggregates('flux-view').map(label => label.split('-').at(-1)),
      ['view', 'edit', 'admin'],
    );
    assert.deepEqual(
      aggregates('flux-edit').map(label => label.split('-').at(-1)),
      ['edit', 'admin'],
    );
    assert.deepEqual(find('ClusterRole', 'flux-view').rules[0].verbs, ['get', 'list', 'watch']);
  });

  it('puts the identity into the namespace that was asked for', () => {
    const elsewhere = installObjects({ namespace: 'gitops' });
    const bindings = elsewhere.filter(object => object.kind === 'ClusterRoleBinding');
    assert.equal(bindings.length, 2);
    for (const binding of bindings) assert.equal(binding.subjects[0].namespace, 'gitops');
    assert.equal(elsewhere.find(object => object.kind === 'ServiceAccount')?.metadata.namespace, 'gitops');
  });
});

describe('newerThanOurs', () => {
  const ours = crdOf(kindOf('GitRepository')!);
  const labelled = (version: string | undefined, change: (crd: KubeObject) => void = () => {}): KubeObject => {
    const crd = structuredClone(ours);
    crd.metadata.labels = version === undefined ? {} : { 'app.kubernetes.io/version': version };
    change(crd);
    return crd;
  };
  const addVersion = (name: string) => (crd: KubeObject) => {
    crd.spec.versions.push({ name, served: true, storage: false });
  };
  const table: [string, KubeObject, boolean][] = [
    ['our own', ours, false],
    ['an older release', labelled('v2.3.0'), false],
    ['a patch release of the same minor', labelled('v2.9.3'), true],
    ['a later minor', labelled('v2.10.0'), true],
    ['a later major', labelled('v3.0.0'), true],
    ['a pre-release of ours', labelled('v2.9.0-rc.1'), false],
    ['no label', labelled(undefined), false],
    ['a label that is no version', labelled('main'), false],
    ['no label and an unknown later version', labelled(undefined, addVersion('v2')), true],
    ['no label and an unknown later beta of a later major', labelled(undefined, addVersion('v2beta1')), false],
    ['no label and an unknown older version', labelled(undefined, addVersion('v1alpha1')), false],
  ];
  for (const [name, crd, newer] of table)
    it(`${name}: ${newer ? 'left alone' : 'may be replaced'}`, () => {
      assert.equal(newerThanOurs(crd) !== undefined, newer);
    });

  it('says why', () => {
    assert.match(newerThanOurs(labelled('v2.10.0'))!.reason, /v2\.10\.0/);
    assert.match(newerThanOurs(labelled(undefined, addVersion('v2')))!.reason, /v2/);
  });
});
