import type { AddedField, OlderVersion } from '../definition.ts';

/**
 * What the beta versions of Kustomization had. The patches of kinds that v1 does not have are refused, not ignored:
 * an object is stored as v1, so the patches would be gone without a word.
 */

const validation: AddedField = {
  path: 'spec.validation',
  schema: {
    type: 'string',
    enum: ['none', 'client', 'server'],
    description:
      'Accepted for manifests of this version; without effect, since applying always validates on the server.',
  },
};

const patchesStrategicMerge: AddedField = {
  path: 'spec.patchesStrategicMerge',
  schema: {
    type: 'array',
    // The type makes the field known to CEL, which refuses it.
    items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    description: 'Removed in v1; write the patches as spec.patches.',
  },
  refused: 'spec.patchesStrategicMerge was removed in v1; move each patch to an entry of spec.patches',
};

const selectorFields = ['group', 'version', 'kind', 'namespace', 'name', 'annotationSelector', 'labelSelector'];

const patchesJson6902: AddedField = {
  path: 'spec.patchesJson6902',
  schema: {
    type: 'array',
    description: 'Removed in v1; write the patches as spec.patches.',
    items: {
      type: 'object',
      required: ['patch', 'target'],
      properties: {
        patch: {
          type: 'array',
          items: {
            type: 'object',
            required: ['op', 'path'],
            properties: {
              op: { type: 'string', enum: ['test', 'remove', 'add', 'replace', 'move', 'copy'] },
              path: { type: 'string' },
              from: { type: 'string' },
              value: { 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
        target: {
          type: 'object',
          properties: Object.fromEntries(selectorFields.map(name => [name, { type: 'string' }])),
        },
      },
    },
  },
  refused: 'spec.patchesJson6902 was removed in v1; move each patch to an entry of spec.patches',
};

/** The inventory of v1beta1, which counted kinds per namespace. */
const snapshot: AddedField = {
  path: 'status.snapshot',
  schema: {
    type: 'object',
    description: 'Accepted for objects of this version; no longer written.',
    required: ['checksum', 'entries'],
    properties: {
      checksum: { type: 'string' },
      entries: {
        type: 'array',
        items: {
          type: 'object',
          required: ['kinds', 'namespace'],
          properties: {
            namespace: { type: 'string' },
            kinds: { type: 'object', additionalProperties: { type: 'string' } },
          },
        },
      },
    },
  },
};

export const olderVersions: OlderVersion[] = [
  { name: 'v1beta2', added: [validation, patchesStrategicMerge, patchesJson6902] },
  { name: 'v1beta1', added: [validation, patchesStrategicMerge, patchesJson6902, snapshot] },
];
