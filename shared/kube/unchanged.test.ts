import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { provablyUnchanged } from './unchanged.ts';

const manager = 'kustomize-controller';

/** A live custom object with the fields our manager owns. */
function live(content: object, fieldsV1: Record<string, unknown>, apiVersion = 'example.com/v1'): KubeObject {
  const entry = { manager, operation: 'Apply' as const, apiVersion, fieldsType: 'FieldsV1' as const, fieldsV1 };
  return { apiVersion, kind: 'Thing', metadata: { name: 't', managedFields: [entry] }, ...content };
}
const wanted = (content: object, apiVersion = 'example.com/v1'): KubeObject => ({
  apiVersion,
  kind: 'Thing',
  metadata: { name: 't' },
  ...content,
});

const keyed = {
  'f:spec': {
    'f:ports': {
      'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
      'k:{"port":81,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
    },
  },
};
const port = (n: number) => ({ port: n, protocol: 'TCP' });
const set = { 'f:finalizers': { '.': {}, 'v:"a"': {}, 'v:"b"': {} } };

const cases: [string, boolean, KubeObject, KubeObject][] = [
  [
    'the same fields and values',
    true,
    wanted({ spec: { a: 1 } }),
    live({ spec: { a: 1, theirs: 2 } }, { 'f:spec': { 'f:a': {} } }),
  ],
  ['another value', false, wanted({ spec: { a: 2 } }), live({ spec: { a: 1 } }, { 'f:spec': { 'f:a': {} } })],
  [
    'a value of another type',
    false,
    wanted({ spec: { a: '1' } }),
    live({ spec: { a: 1 } }, { 'f:spec': { 'f:a': {} } }),
  ],
  [
    'a field more',
    false,
    wanted({ spec: { a: 1, b: 1 } }),
    live({ spec: { a: 1, b: 1 } }, { 'f:spec': { 'f:a': {} } }),
  ],
  [
    'a field less, which would be removed',
    false,
    wanted({ spec: { a: 1 } }),
    live({ spec: { a: 1, b: 1 } }, { 'f:spec': { 'f:a': {}, 'f:b': {} } }),
  ],
  [
    'a field that another manager owns now',
    false,
    wanted({ spec: { a: 1 } }),
    live({ spec: { a: 1 } }, { 'f:spec': { 'f:z': {} } }),
  ],
  [
    'an atomic list',
    true,
    wanted({ spec: { l: [{ x: 1 }] } }),
    live({ spec: { l: [{ x: 1 }] } }, { 'f:spec': { 'f:l': {} } }),
  ],
  [
    'an atomic list in another order',
    false,
    wanted({ spec: { l: [1, 2] } }),
    live({ spec: { l: [2, 1] } }, { 'f:spec': { 'f:l': {} } }),
  ],
  [
    'keyed items among those of others',
    true,
    wanted({ spec: { ports: [port(80), port(81)] } }),
    live({ spec: { ports: [port(80), port(79), port(81)] } }, keyed),
  ],
  [
    'keyed items in another order',
    false,
    wanted({ spec: { ports: [port(81), port(80)] } }),
    live({ spec: { ports: [port(80), port(81)] } }, keyed),
  ],
  [
    'a keyed item twice',
    false,
    wanted({ spec: { ports: [port(80), port(80)] } }),
    live({ spec: { ports: [port(80), port(81)] } }, keyed),
  ],
  [
    'a keyed item that is gone',
    false,
    wanted({ spec: { ports: [port(80), port(81)] } }),
    live({ spec: { ports: [port(80)] } }, keyed),
  ],
  [
    'a keyed item less',
    false,
    wanted({ spec: { ports: [port(80)] } }),
    live({ spec: { ports: [port(80), port(81)] } }, keyed),
  ],
  ['a set', true, wanted({ finalizers: ['a', 'b'] }), live({ finalizers: ['a', 'x', 'b'] }, set)],
  ['a set in another order', false, wanted({ finalizers: ['b', 'a'] }), live({ finalizers: ['a', 'b'] }, set)],
  ['a set with a value twice', false, wanted({ finalizers: ['a', 'a'] }), live({ finalizers: ['a', 'b'] }, set)],
  ['null in a custom object', false, wanted({ spec: { a: null } }), live({ spec: {} }, { 'f:spec': { 'f:a': {} } })],
  [
    'an empty value that a built-in kind leaves out',
    true,
    wanted({ data: {} }, 'v1'),
    live({}, { 'f:data': {} }, 'v1'),
  ],
  ['an empty value that a custom kind left out', false, wanted({ data: {} }), live({}, { 'f:data': {} })],
  [
    'a quantity in its canonical form',
    true,
    wanted({ spec: { limits: { cpu: '1000m' } } }, 'v1'),
    live({ spec: { limits: { cpu: '1' } } }, { 'f:spec': { 'f:limits': { 'f:cpu': {} } } }, 'v1'),
  ],
  [
    'another quantity',
    false,
    wanted({ spec: { limits: { cpu: '1001m' } } }, 'v1'),
    live({ spec: { limits: { cpu: '1' } } }, { 'f:spec': { 'f:limits': { 'f:cpu': {} } } }, 'v1'),
  ],
  [
    'the same text where no quantity stands',
    false,
    wanted({ data: { cpu: '1000m' } }, 'v1'),
    live({ data: { cpu: '1' } }, { 'f:data': { 'f:cpu': {} } }, 'v1'),
  ],
  [
    'fields applied in another version',
    false,
    wanted({ spec: { a: 1 } }),
    { ...live({ spec: { a: 1 } }, { 'f:spec': { 'f:a': {} } }, 'example.com/v2'), apiVersion: 'example.com/v1' },
  ],
];

describe('provablyUnchanged', () => {
  for (const [name, expected, desired, existing] of cases)
    it(`${expected ? 'proves' : 'does not prove'}: ${name}`, () => {
      assert.equal(provablyUnchanged(desired, existing, manager), expected);
    });

  it('counts only what our manager applied to the object itself', () => {
    const existing = live({ spec: { a: 1 } }, { 'f:spec': { 'f:a': {} } });
    assert.equal(provablyUnchanged(wanted({ spec: { a: 1 } }), existing, 'other'), false);
    existing.metadata.managedFields![0]!.subresource = 'status';
    assert.equal(provablyUnchanged(wanted({ spec: { a: 1 } }), existing, manager), false);
    delete existing.metadata.managedFields;
    assert.equal(provablyUnchanged(wanted({ spec: { a: 1 } }), existing, manager), false);
  });
});
