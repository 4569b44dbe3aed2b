import * as z from 'zod';
import { defineKind } from '../definition.ts';
import { flag, localRef, metadata, stringMap } from '../schema.ts';
import { crossNamespaceReference, formerStatus } from './reference.ts';

const spec = z
  .object({
    providerRef: localRef('The Provider that sends.'),
    eventSeverity: z
      .enum(['info', 'error'])
      .default('info')
      .describe('Which events are sent: all (`info`) or only errors (`error`).'),
    eventSources: z.array(crossNamespaceReference).describe('Objects whose events are sent.'),
    inclusionList: z
      .array(z.string())
      .describe("Regular expressions in Go's syntax; only events whose message matches one are sent.")
      .optional(),
    eventMetadata: stringMap(
      'Added to the metadata of the events, for instance the name of the cluster. What an event already has is kept.',
    ).optional(),
    exclusionList: z
      .array(z.string())
      .describe("Regular expressions in Go's syntax; events whose message matches one are not sent.")
      .optional(),
    summary: z
      .string()
      .max(255)
      .describe('Short text added to the events. Deprecated: use eventMetadata with the key summary.')
      .optional(),
    suspend: flag('Stops sending while it is true.').optional(),
  })
  .describe('Which events are sent, and by which Provider.');

/** Which events a Provider sends. */
export const Alert = z
  .object({ apiVersion: z.string(), kind: z.string(), metadata, spec })
  .describe('A rule that says which events a Provider sends.');
export type Alert = z.infer<typeof Alert>;

export const alertKind = defineKind({
  group: 'notification.toolkit.fluxcd.io',
  kind: 'Alert',
  plural: 'alerts',
  singular: 'alert',
  shortNames: [],
  categories: ['all', 'fluxcd', 'fluxcd-notifications'],
  version: 'v1beta3',
  servedVersions: ['v1beta3', 'v1beta2', 'v1beta1'],
  olderVersions: [
    { name: 'v1beta2', added: [formerStatus] },
    { name: 'v1beta1', added: [formerStatus] },
  ],
  schema: Alert,
  printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  fieldManager: 'notification-controller',
  finalizer: undefined,
  hasStatus: false,
  notBuilt: [],
});
