import * as z from 'zod';
import { defineKind } from '../definition.ts';
import { conditions, kubeObject, lastHandledReconcileAt, stringMap, text, withRules } from '../schema.ts';

const aliasName = '([a-z0-9]([a-z0-9_-]*[a-z0-9])?)';
const aliasReference = (description: string) =>
  z
    .string()
    .max(64)
    .regex(new RegExp(`^@${aliasName}$`))
    .describe(description);
const aliasPath = new RegExp(`^@${aliasName}/(.*)$`);

const source = z
  .object({
    alias: z
      .string()
      .max(63)
      .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/)
      .describe('Name by which the artifacts refer to the source; unique among the sources.'),
    name: z
      .string()
      .max(253)
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
      .describe('Name of the source.'),
    namespace: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .describe('Namespace of the source; that of the ArtifactGenerator when not set.')
      .optional(),
    kind: z
      .enum(['Bucket', 'GitRepository', 'OCIRepository', 'HelmChart', 'ExternalArtifact'])
      .describe('Kind of the source.'),
  })
  .describe('A source whose artifact is copied from.');

const copy = z
  .object({
    from: z
      .string()
      .min(1)
      .max(1024)
      .regex(aliasPath)
      .describe(
        'What is copied, as `@<alias>/<path or glob>`; with pathPattern, captures such as {app} are filled in.',
      ),
    to: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^@(artifact)\/(.*)$/)
      .describe('Where it goes, as `@artifact/<path>`; a slash at the end names a directory.'),
    exclude: z
      .array(z.string())
      .max(100)
      .describe('Globs of what is left out, relative to the source or to the part of `from` without globs.')
      .optional(),
    strategy: z
      .enum(['Overwrite', 'Merge', 'Extract'])
      .describe(
        'What happens to a file that is there: it is replaced (Overwrite, the default), or merged as Helm merges values (Merge). Extract unpacks tarballs.',
      )
      .optional(),
  })
  .describe('One step of putting an artifact together.');

const output = z
  .object({
    name: z
      .string()
      .min(1)
      .max(253)
      .describe('Name of the ExternalArtifact; with pathPattern, captures such as {app} are filled in.'),
    revision: aliasReference(
      'The source, as `@<alias>`, whose revision the artifact takes; `latest@<digest>` when not set.',
    ).optional(),
    originRevision: aliasReference(
      'The source, as `@<alias>`, whose origin revision goes into the metadata of the artifact.',
    ).optional(),
    copy: z.array(copy).min(1).describe('What is copied, in this order; later copies overwrite earlier ones.'),
  })
  .describe('An ExternalArtifact, and what goes into it.');

const objectName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const spec = withRules(
  z.object({
    commonMetadata: z
      .object({
        annotations: stringMap('Annotations of all artifacts.').optional(),
        labels: stringMap('Labels of all artifacts.').optional(),
      })
      .describe('Labels and annotations that all ExternalArtifacts get.')
      .optional(),
    sources: z.array(source).min(1).max(1000).describe('The sources that are copied from.'),
    pathPattern: z
      .string()
      .max(1024)
      .regex(aliasPath)
      .describe(
        'Directories of a source, as `@<alias>/apps/{app}`, each of which gets artifacts of its own; captures fill in the fields of artifacts.',
      )
      .optional(),
    artifacts: z.array(output).min(1).max(1000).describe('The ExternalArtifacts that are made.'),
  }),
  [
    {
      rule: "has(self.pathPattern) && size(self.pathPattern) > 0 || self.artifacts.all(a, a.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'))",
      message: 'artifact names must be valid Kubernetes object names when pathPattern is not set',
      check: spec => Boolean(spec.pathPattern) || spec.artifacts.every(({ name }) => objectName.test(name)),
    },
  ],
).describe('What is made of which sources.');

const status = z
  .object({
    conditions: conditions('State of the object.'),
    inventory: z
      .array(
        z
          .object({
            name: text('Name of the ExternalArtifact.'),
            namespace: text('Namespace of the ExternalArtifact.'),
            digest: text('Digest of its artifact.'),
            filename: text('File name of its artifact.'),
          })
          .describe('An ExternalArtifact that was made.'),
      )
      .describe('The ExternalArtifacts that were made.')
      .optional(),
    observedSourcesDigest: text('Checksum over the artifacts of the sources that were used.').optional(),
    lastHandledReconcileAt,
  })
  .describe('What was made, and how it went.');

/** Makes ExternalArtifacts of the artifacts of sources: puts several together, or takes one apart. */
export const ArtifactGenerator = z
  .object({ ...kubeObject(spec, status).shape, spec: spec.optional(), status: status.optional() })
  .describe('A rule that makes ExternalArtifacts of sources: one of several, or several of one.');
export type ArtifactGenerator = z.infer<typeof ArtifactGenerator>;
export type ArtifactGeneratorSpec = z.infer<typeof spec>;
export type OutputArtifact = z.infer<typeof output>;
export type CopyOperation = z.infer<typeof copy>;

export const artifactGeneratorKind = defineKind({
  group: 'source.extensions.fluxcd.io',
  kind: 'ArtifactGenerator',
  plural: 'artifactgenerators',
  singular: 'artifactgenerator',
  shortNames: ['ag'],
  categories: ['all', 'fluxcd', 'fluxcd-sources'],
  version: 'v1beta1',
  servedVersions: ['v1beta1'],
  olderVersions: [],
  schema: ArtifactGenerator,
  printerColumns: [
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
  ],
  fieldManager: 'source-watcher',
  finalizer: 'source.extensions.fluxcd.io/finalizer',
  hasStatus: true,
  observes: 'conditions',
  notBuilt: [],
});
