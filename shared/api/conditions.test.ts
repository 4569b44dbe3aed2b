import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findCondition, isReady } from './conditions.ts';
import type { KubeObject } from './object.ts';

const object = (generation: number | undefined, conditions: unknown): KubeObject => ({
  apiVersion: 'v1',
  kind: 'K',
  metadata: { name: 'a', ...(generation === undefined ? {} : { generation }) },
  status: { conditions },
});

describe('conditions', () => {
  it('are found by type', () => {
    const ready = { type: 'Ready', status: 'True' };
    assert.equal(findCondition(object(1, [{ type: 'Other' }, ready]), 'Ready'), ready);
    assert.equal(findCondition(object(1, []), 'Ready'), undefined);
    assert.equal(findCondition(object(1, undefined), 'Ready'), undefined);
    assert.equal(findCondition({ apiVersion: 'v1', kind: 'K', metadata: { name: 'a' } }, 'Ready'), undefined);
  });

  const table: [string, KubeObject, boolean][] = [
    ['ready', object(2, [{ type: 'Ready', status: 'True', observedGeneration: 2 }]), true],
    ['ready at an older generation', object(2, [{ type: 'Ready', status: 'True', observedGeneration: 1 }]), false],
    ['not ready', object(2, [{ type: 'Ready', status: 'False', observedGeneration: 2 }]), false],
    ['unknown', object(2, [{ type: 'Ready', status: 'Unknown', observedGeneration: 2 }]), false],
    ['without generations', object(undefined, [{ type: 'Ready', status: 'True' }]), true],
    ['without conditions', object(1, undefined), false],
  ];
  for (const [name, subject, ready] of table) it(`isReady: ${name}`, () => assert.equal(isReady(subject), ready));
});
