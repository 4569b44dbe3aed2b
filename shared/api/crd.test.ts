import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { crdOf, type Schema, schemaOf } from './crd.ts';
import { type CrdFacts, factsOf } from './crd-facts.ts';
import type { KindDefinition } from './definition.ts';
import { kindOf, kinds } from './kinds.ts';

const golden: Record<string, CrdFacts> = JSON.parse(
  readFileSync(new URL('../../test/golden/flux-2.9-fields.json', import.meta.url), 'utf8'),
);

const version = (definition: KindDefinition, name: string) =>
  crdOf(definition).spec.versions.find((candidate: { name: string }) => candidate.name === name);

/** Every node of a schema with its path. */
function* nodes(schema: Schema, path = ''): Generator<[string, Schema]> {
  yield [path, schema];
  for (const [name, child] of Object.entries(schema.properties ?? {})) yield* nodes(child, `${path}.${name}`);
  if (schema.items) yield* nodes(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* nodes(schema.additionalProperties, `${path}{}`);
}

describe('crdOf: equality with the CRDs of Flux 2.9', () => {
  it('covers every kind of the table', () => {
    assert.deepEqual(kinds.map(definition => definition.kind).toSorted(), Object.keys(golden).toSorted());
  });

  for (const definition of kinds) {
    const expected = golden[definition.kind]!;
    const actual = factsOf(crdOf(definition), definition.version);

    it(`${definition.kind}: the same fields`, () => {
      assert.deepEqual(Object.keys(actual.fields), Object.keys(expected.fields));
    });

    for (const [path, facts] of Object.entries(expected.fields)) {
      it(`${definition.kind}${path}`, () => assert.deepEqual(actual.fields[path], facts));
    }

    it(`${definition.kind}: the same names, columns and subresources`, () => {
      const { fields: _, ...rest } = actual;
      const { fields: __, ...expectedRest } = expected;
      assert.deepEqual(rest, expectedRest);
    });
  }
});

describe('crdOf: what the API server demands', () => {
  for (const definition of kinds) {
    it(`${definition.kind}: exactly one storage version, which is not deprecated`, () => {
      const versions = crdOf(definition).spec.versions;
      const storage = versions.filter((candidate: { storage: boolean }) => candidate.storage);
      assert.deepEqual(
        storage.map((candidate: { name: string; deprecated?: boolean }) => [candidate.name, candidate.deprecated]),
        [[definition.version, undefined]],
      );
      assert.deepEqual(
        versions.map((candidate: { name: string }) => candidate.name),
        definition.servedVersions,
      );
    });

    it(`${definition.kind}: every field has a type, and a description where a user sets it`, () => {
      const spec = schemaOf(definition).properties!.spec!;
      for (const [path, node] of nodes(spec, 'spec')) {
        assert.ok(node.type, `${path} has no type`);
        const inList = path.endsWith('[]') || path.endsWith('{}');
        if (!inList) assert.ok(node.description, `${path} has no description`);
      }
    });
  }
});

describe('crdOf: structural in every version', () => {
  for (const definition of kinds)
    for (const name of definition.servedVersions)
      it(`${definition.kind} ${name}`, () => {
        for (const [path, node] of nodes(version(definition, name).schema.openAPIV3Schema)) {
          const isFree = node['x-kubernetes-preserve-unknown-fields'] === true;
          assert.ok(node.type || isFree, `${path} has no type`);
          for (const field of node.required ?? [])
            assert.ok(node.properties?.[field], `${path}.${field} is required, but unknown`);
          assert.ok(!(node.properties && node.additionalProperties), `${path} has properties and additionalProperties`);
          for (const key of (node['x-kubernetes-list-map-keys'] as string[] | undefined) ?? [])
            assert.ok(node.items?.required?.includes(key), `${path} is keyed by ${key}, which is not required`);
          for (const keyword of [
            '$ref',
            '$schema',
            'const',
            'anyOf',
            'allOf',
            'oneOf',
            'not',
            'nullable',
            'propertyNames',
            'id',
          ])
            assert.ok(!(keyword in node), `${path} uses ${keyword}`);
        }
      });
});

describe('crdOf: older versions', () => {
  for (const definition of kinds) {
    for (const older of definition.olderVersions) {
      it(`${definition.kind} ${older.name} is deprecated, with a warning that names the current version`, () => {
        const found = version(definition, older.name);
        assert.equal(found.deprecated, true);
        assert.match(found.deprecationWarning, new RegExp(`upgrade to ${definition.group}/${definition.version}$`));
      });

      it(`${definition.kind} ${older.name} knows every field of the storage version`, () => {
        const fields = factsOf(crdOf(definition), older.name).fields;
        for (const path of Object.keys(factsOf(crdOf(definition), definition.version).fields))
          assert.ok(path in fields, `${path} would be pruned`);
      });

      for (const added of older.added)
        it(`${definition.kind} ${older.name} knows ${added.path}`, () => {
          assert.ok(`.${added.path}` in factsOf(crdOf(definition), older.name).fields);
        });
    }
  }

  it('refuses what would be lost, with a message that says where it goes', () => {
    const spec = version(kindOf('Kustomization')!, 'v1beta2').schema.openAPIV3Schema.properties.spec;
    assert.deepEqual(
      spec['x-kubernetes-validations'].map((rule: { rule: string }) => rule.rule),
      ['!has(self.patchesStrategicMerge)', '!has(self.patchesJson6902)'],
    );
    for (const { message } of spec['x-kubernetes-validations']) assert.match(message, /spec\.patches$/);
  });

  it('leaves the storage version as it is', () => {
    const spec = version(kindOf('Kustomization')!, 'v1').schema.openAPIV3Schema.properties.spec;
    assert.equal('patchesJson6902' in spec.properties, false);
    assert.equal('x-kubernetes-validations' in spec, false);
  });
});
