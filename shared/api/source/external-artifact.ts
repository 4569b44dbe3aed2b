import * as z from 'zod';
import { defineKind } from '../definition.ts';
import { conditions, kubeObject, text } from '../schema.ts';
import { Artifact } from './artifact.ts';

const spec = z
  .object({
    sourceRef: z
      .object({
        apiVersion: text('API version of the object; the preferred one of the cluster when not set.').optional(),
        kind: text('Kind of the object.'),
        name: text('Name of the object.'),
        namespace: text('Namespace of the object; that of the ExternalArtifact when not set.').optional(),
      })
      .describe('The object that the artifact is made of.')
      .optional(),
  })
  .describe('Where the artifact comes from.');

const status = z
  .object({
    artifact: Artifact.describe('The artifact, as whoever makes it tells.').optional(),
    conditions: conditions('State of the object.'),
  })
  .describe('What was made, and how it went.');

/** An artifact that others make: an ArtifactGenerator, or a controller that is not part of the toolkit. */
export const ExternalArtifact = z
  .object({ ...kubeObject(spec, status).shape, spec: spec.optional(), status: status.optional() })
  .describe(
    'An artifact that an ArtifactGenerator, or a controller outside the toolkit, makes for consumers of sources.',
  );
export type ExternalArtifact = z.infer<typeof ExternalArtifact>;

export const externalArtifactKind = defineKind({
  group: 'source.toolkit.fluxcd.io',
  kind: 'ExternalArtifact',
  plural: 'externalartifacts',
  singular: 'externalartifact',
  shortNames: ['ea'],
  categories: ['all', 'fluxcd', 'fluxcd-sources'],
  version: 'v1',
  servedVersions: ['v1'],
  olderVersions: [],
  schema: ExternalArtifact,
  printerColumns: [
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
    { name: 'Source', type: 'string', jsonPath: '.spec.sourceRef.name' },
  ],
  fieldManager: 'source-watcher',
  finalizer: undefined,
  hasStatus: true,
  madeByOthers: true,
  notBuilt: [],
});
