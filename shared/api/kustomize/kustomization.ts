import * as z from 'zod';
import { defineKind, type NotBuilt } from '../definition.ts';
import {
  conditions,
  flag,
  int64,
  interval,
  kubeObject,
  lastHandledReconcileAt,
  localRef,
  observedGeneration,
  stringMap,
  text,
  time,
  withRules,
} from '../schema.ts';
import { olderVersions } from './kustomization-older.ts';

const selector = z
  .object({
    group: text('API group.').optional(),
    version: text('API version.').optional(),
    kind: text('Kind.').optional(),
    namespace: text('Namespace.').optional(),
    name: text('Name.').optional(),
    annotationSelector: text('Expression over annotations, in the syntax of label selectors.').optional(),
    labelSelector: text('Label selector.').optional(),
  })
  .describe('Which objects are meant; all fields that are set must match.');

const patch = z
  .object({
    patch: text('A strategic merge patch, or a list of JSON 6902 operations, as YAML or JSON.'),
    target: selector
      .describe('Which objects are patched; not needed for a strategic merge patch that names its object.')
      .optional(),
  })
  .describe('A patch and its targets.');

const image = z
  .object({
    name: text('Name of the image without tag, as manifests write it.'),
    newName: text('Name to write in its place.').optional(),
    newTag: text('Tag to write in its place.').optional(),
    digest: text('Digest to write in its place; newTag is then ignored.').optional(),
  })
  .describe('An image, and what takes its place.');

const sourceReference = z
  .object({
    apiVersion: text('API version of the source.').optional(),
    kind: z.enum(['OCIRepository', 'GitRepository', 'Bucket', 'ExternalArtifact']).describe('Kind of the source.'),
    name: text('Name of the source.'),
    namespace: text('Namespace of the source; that of the Kustomization when not set.').optional(),
  })
  .describe('The source whose artifact holds the manifests.');

const dependency = z
  .object({
    name: text('Name of the Kustomization.'),
    namespace: text('Namespace of the Kustomization; that of this one when not set.').optional(),
    readyExpr: text(
      'CEL expression that says whether the dependency is ready, in place of its Ready condition.',
    ).optional(),
  })
  .describe('A Kustomization that must be ready first.');

const decryption = z
  .object({
    provider: z.enum(['sops']).describe('What decrypts.'),
    serviceAccountName: text('Service account that signs in at the key service of a cloud.').optional(),
    secretRef: localRef(
      'Secret with private keys, or with credentials of a key service; stronger than the service account.',
    ).optional(),
  })
  .describe('How encrypted Secrets are decrypted before they are applied.');

const exactlyOne = 'exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified';

const kubeConfig = withRules(
  z.object({
    configMapRef: localRef(
      'ConfigMap that names a cluster of a cloud provider: provider, cluster, address, ca.crt, audiences, serviceAccountName.',
    ).optional(),
    secretRef: z
      .object({
        name: text('Name of the Secret.'),
        key: text('Key of the Secret that holds the kubeconfig; `value` or `value.yaml` when not set.').optional(),
      })
      .describe('Secret that holds a kubeconfig.')
      .optional(),
  }),
  [
    {
      rule: 'has(self.configMapRef) || has(self.secretRef)',
      message: exactlyOne,
      check: config => config.configMapRef !== undefined || config.secretRef !== undefined,
    },
    {
      rule: '!has(self.configMapRef) || !has(self.secretRef)',
      message: exactlyOne,
      check: config => config.configMapRef === undefined || config.secretRef === undefined,
    },
  ],
).describe('The cluster to apply to, when it is not the one that holds the Kustomization.');

const postBuild = z
  .object({
    substitute: stringMap('Variables and their values; they win over those of substituteFrom.').optional(),
    substituteFrom: z
      .array(
        z
          .object({
            kind: z.enum(['Secret', 'ConfigMap']).describe('Kind of the object.'),
            name: z.string().min(1).max(253).describe('Name of the object, in the namespace of the Kustomization.'),
            optional: flag('Whether the object may be absent.').default(false),
          })
          .describe('An object whose data are variables and their values.'),
      )
      .describe('Objects that hold variables; later ones win.')
      .optional(),
    substituteStrategy: z
      .enum(['WithVariables', 'Always'])
      .describe('Whether to substitute only if there are variables (`WithVariables`, the default) or `Always`.')
      .optional(),
  })
  .describe('What happens to the manifests after the build.');

const healthCheckExpression = z
  .object({
    apiVersion: text('API version of the objects.'),
    kind: text('Kind of the objects.').optional(),
    current: text('CEL expression that is true when the object is as desired.'),
    inProgress: text('CEL expression that is true while the object is not there yet.').optional(),
    failed: text('CEL expression that is true when the object will not get there.').optional(),
  })
  .describe('How the health of a kind is told.');

const healthCheck = z
  .object({
    apiVersion: text('API version of the object; what the API server prefers when not set.').optional(),
    kind: text('Kind of the object.'),
    name: text('Name of the object.'),
    namespace: text('Namespace of the object.').optional(),
  })
  .describe('An object that must be healthy.');

const ignoreRule = z
  .object({
    paths: z.array(z.string()).describe('JSON pointers (RFC 6901) to the fields.'),
    target: selector.describe('Objects to which the rule applies; all when not set.').optional(),
  })
  .describe('Fields that are neither compared nor applied.');

const spec = z
  .object({
    commonMetadata: z
      .object({
        annotations: stringMap('Annotations that all objects get.').optional(),
        labels: stringMap('Labels that all objects get.').optional(),
      })
      .describe('Labels and annotations that all objects get; they win over those of the manifests.')
      .optional(),
    dependsOn: z.array(dependency).describe('Kustomizations that must be ready before this one is applied.').optional(),
    decryption: decryption.optional(),
    interval: interval('How often the Kustomization is reconciled, at least. Some jitter may be added.'),
    retryInterval: interval('How soon a failed reconciliation is tried again; the interval when not set.').optional(),
    kubeConfig: kubeConfig.optional(),
    path: text(
      'Directory of the artifact that holds kustomization.yaml or plain manifests; its root when not set.',
    ).optional(),
    postBuild: postBuild.optional(),
    prune: flag('Whether objects that left the manifests are deleted.'),
    deletionPolicy: z
      .enum(['MirrorPrune', 'Delete', 'WaitForTermination', 'Orphan'])
      .describe(
        'What happens to the objects when the Kustomization is deleted: as prune says (`MirrorPrune`, the default), `Delete`, delete and wait (`WaitForTermination`), or leave (`Orphan`).',
      )
      .optional(),
    healthChecks: z.array(healthCheck).describe('Objects whose health is waited for.').optional(),
    namePrefix: z.string().min(1).max(200).describe('Put before the name of every object.').optional(),
    nameSuffix: z.string().min(1).max(200).describe('Put after the name of every object.').optional(),
    patches: z.array(patch).describe('Patches applied by the build.').optional(),
    images: z.array(image).describe('Images that the build replaces.').optional(),
    serviceAccountName: text('Service account in whose name the objects are applied.').optional(),
    sourceRef: sourceReference,
    suspend: flag('Stops reconciling while it is true.').optional(),
    targetNamespace: z
      .string()
      .min(1)
      .max(63)
      .describe('Namespace of all objects, in place of what the manifests say.')
      .optional(),
    timeout: interval(
      'How long validation, applying and waiting for health may take; the interval when not set.',
    ).optional(),
    force: flag('Whether objects are deleted and made anew when a field cannot be changed.').default(false),
    wait: flag('Whether the health of all objects is waited for; healthChecks is then ignored.').optional(),
    components: z
      .array(z.string())
      .describe('Directories of kustomize components to include, relative to path.')
      .optional(),
    ignoreMissingComponents: flag('Whether components that the source does not have are left out.').optional(),
    healthCheckExprs: z
      .array(healthCheckExpression)
      .describe('How the health of custom resources is told, by CEL.')
      .optional(),
    ignore: z.array(ignoreRule).describe('Fields that are left to others: neither compared nor applied.').optional(),
    buildMetadata: z
      .array(
        z
          .enum(['originAnnotations', 'transformerAnnotations'])
          .describe('Which annotations kustomize adds: where objects come from, or what changed them.'),
      )
      .describe('Annotations about the build that objects get.')
      .optional(),
  })
  .describe('What to apply, and how.');

const snapshot = z
  .object({
    digest: text('Checksum of the objects, as `<algorithm>:<hex>`.'),
    firstReconciled: time('When these objects were first applied.'),
    lastReconciled: time('When they were last applied.'),
    lastReconciledDuration: text('How long the last time took.'),
    lastReconciledStatus: text('How the last time went.'),
    totalReconciliations: int64('How many times they were applied.'),
    metadata: stringMap('More about them, such as the revision.').optional(),
  })
  .describe('A set of objects, and how applying it went.');

const inventory = z
  .object({
    entries: z
      .array(
        z
          .object({
            id: text('The object, as `<namespace>_<name>_<group>_<kind>`.'),
            v: text('API version of the object.'),
          })
          .describe('One object.'),
      )
      .describe('The objects.'),
  })
  .describe('The objects that were applied, and are deleted when they leave the manifests.');

const status = z
  .object({
    observedGeneration,
    conditions: conditions('State of the object.'),
    lastAppliedRevision: text('Revision of the source that was last applied with success.').optional(),
    lastAppliedOriginRevision: text(
      'Revision in the origin of the artifact that was last applied, if the artifact tells.',
    ).optional(),
    lastAttemptedRevision: text('Revision of the source that was last tried.').optional(),
    inventory: inventory.optional(),
    history: z.array(snapshot).describe('The last sets of objects, newest first.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('What was applied, and how it went.');

/** Manifests of a source that are built by kustomize and applied to a cluster. */
export const Kustomization = kubeObject(spec, status).describe(
  'Manifests of a source, built by kustomize and applied to a cluster.',
);
export type Kustomization = z.infer<typeof Kustomization>;

const notBuilt: NotBuilt[] = [{ path: 'spec.decryption' }, { path: 'spec.kubeConfig' }];

export const kustomizationKind = defineKind({
  group: 'kustomize.toolkit.fluxcd.io',
  kind: 'Kustomization',
  plural: 'kustomizations',
  singular: 'kustomization',
  shortNames: ['ks'],
  categories: ['all', 'fluxcd', 'fluxcd-appliers'],
  version: 'v1',
  servedVersions: ['v1', 'v1beta2', 'v1beta1'],
  olderVersions,
  schema: Kustomization,
  printerColumns: [
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
  ],
  fieldManager: 'kustomize-controller',
  finalizer: 'finalizers.fluxcd.io',
  hasStatus: true,
  notBuilt,
});
