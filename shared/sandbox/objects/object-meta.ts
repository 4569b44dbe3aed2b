import type { OpenApiSchema } from './schema.ts';

const strings: OpenApiSchema = { type: 'object', additionalProperties: { type: 'string', default: '' } };
const time: OpenApiSchema = { type: 'string', format: 'date-time' };

const ownerReference: OpenApiSchema = {
  type: 'object',
  required: ['apiVersion', 'kind', 'name', 'uid'],
  'x-kubernetes-map-type': 'atomic',
  properties: {
    apiVersion: { type: 'string', default: '' },
    blockOwnerDeletion: { type: 'boolean' },
    controller: { type: 'boolean' },
    kind: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
    uid: { type: 'string', default: '' },
  },
};

const managedFieldsEntry: OpenApiSchema = {
  type: 'object',
  properties: {
    apiVersion: { type: 'string' },
    fieldsType: { type: 'string' },
    fieldsV1: { type: 'object' },
    manager: { type: 'string' },
    operation: { type: 'string' },
    subresource: { type: 'string' },
    time,
  },
};

/** metav1.ObjectMeta for kinds whose schema does not describe `metadata` itself (custom resources, embedded resources). */
export const objectMetaSchema: OpenApiSchema = {
  type: 'object',
  'x-sluice-object-meta': true,
  properties: {
    annotations: strings,
    creationTimestamp: time,
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64' },
    deletionTimestamp: time,
    finalizers: {
      type: 'array',
      items: { type: 'string', default: '' },
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
    },
    generateName: { type: 'string' },
    generation: { type: 'integer', format: 'int64' },
    labels: strings,
    managedFields: { type: 'array', items: managedFieldsEntry, 'x-kubernetes-list-type': 'atomic' },
    name: { type: 'string' },
    namespace: { type: 'string' },
    ownerReferences: {
      type: 'array',
      items: ownerReference,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-merge-key': 'uid',
      'x-kubernetes-patch-strategy': 'merge',
    },
    resourceVersion: { type: 'string' },
    selfLink: { type: 'string' },
    uid: { type: 'string' },
  },
};
