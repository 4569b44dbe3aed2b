import * as z from 'zod';
import type { AddedField } from '../definition.ts';
import { stringMap, text } from '../schema.ts';

/** The kinds that Alerts and Receivers can name. */
export const referableKinds = [
  'Bucket',
  'GitRepository',
  'Kustomization',
  'HelmRelease',
  'HelmChart',
  'HelmRepository',
  'ImageRepository',
  'ImagePolicy',
  'ImageUpdateAutomation',
  'OCIRepository',
  'ArtifactGenerator',
  'ExternalArtifact',
] as const;

/** An object, or objects by label, of any namespace. */
export const crossNamespaceReference = z
  .object({
    apiVersion: text('API version of the object.').optional(),
    kind: z.enum(referableKinds).describe('Kind of the object.'),
    name: z.string().min(1).max(253).describe('Name of the object; `*` stands for all.'),
    namespace: z
      .string()
      .min(1)
      .max(253)
      .describe('Namespace of the object; that of the referring object when not set.')
      .optional(),
    matchLabels: stringMap('Labels that the objects must all have; the name must be `*`.').optional(),
  })
  .describe('An object, or several, of any namespace.');

const noEffect = 'Accepted for objects of this version; no longer written.';

/** The status that Provider and Alert had before v1beta3. Kept out of storage: nothing writes it any more. */
export const formerStatus: AddedField = {
  path: 'status',
  schema: {
    type: 'object',
    description: noEffect,
    properties: {
      observedGeneration: { type: 'integer', format: 'int64' },
      lastHandledReconcileAt: { type: 'string' },
      conditions: {
        type: 'array',
        items: {
          type: 'object',
          required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
          properties: {
            type: { type: 'string' },
            status: { type: 'string' },
            reason: { type: 'string' },
            message: { type: 'string' },
            observedGeneration: { type: 'integer', format: 'int64' },
            lastTransitionTime: { type: 'string', format: 'date-time' },
          },
        },
      },
    },
  },
};

/** The URL in the status of Receivers before v1. */
export const formerUrl: AddedField = { path: 'status.url', schema: { type: 'string', description: noEffect } };
