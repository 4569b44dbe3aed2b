import * as z from 'zod';
import type { OlderVersion } from '../definition.ts';
import {
  conditions,
  flag,
  interval,
  kubeObject,
  lastHandledReconcileAt,
  localRef,
  observedGeneration,
  shortDuration,
  text,
} from '../schema.ts';
import { Artifact } from './artifact.ts';
import { ociVerification } from './oci-verification.ts';
import { ageColumn, defineSource, formerStatus, readyColumns } from './source-kind.ts';

const reference = z
  .object({
    digest: text('Digest of the manifest, as `sha256:…`. Stronger than semver.').optional(),
    semver: text('Range of versions; the highest tag in it is pulled. Stronger than tag.').optional(),
    semverFilter: text(
      'Regular expression (RE2); only tags that match it are looked for in the range. Needs semver.',
    ).optional(),
    tag: text('Tag to pull; `latest` when nothing is set.').optional(),
  })
  .describe('Which artifact of the repository is followed; the tag `latest` when not set.');

const layerSelector = z.object({
  mediaType: text('Media type of the layer; the first layer of that type is taken.').optional(),
  operation: z
    .enum(['extract', 'copy'])
    .describe('Whether the layer is unpacked (the default), or kept as it is.')
    .optional(),
});

const spec = z
  .object({
    url: z
      .string()
      .regex(/^oci:\/\/.*$/)
      .describe('Address of the repository, as `oci://<host>[:<port>]/<repository>`, without tag or digest.'),
    ref: reference.optional(),
    layerSelector: layerSelector
      .describe('Which layer of the artifact is used, and how; the first one, unpacked, when not set.')
      .optional(),
    provider: z
      .enum(['generic', 'aws', 'azure', 'gcp'])
      .default('generic')
      .describe('Who issues the credentials: a cloud, or `generic` for those of Secrets.'),
    secretRef: localRef('Secret with the credentials, of the type kubernetes.io/dockerconfigjson.').optional(),
    verify: ociVerification.optional(),
    serviceAccountName: text(
      'Service account whose image pull Secrets are used; with a cloud as provider, the one that signs in there.',
    ).optional(),
    certSecretRef: localRef(
      'Secret with a client certificate (tls.crt, tls.key), a certificate authority (ca.crt), or both.',
    ).optional(),
    proxySecretRef: localRef('Secret with the address and the credentials of a proxy.').optional(),
    interval: interval('How often the repository is looked at, at least. Some jitter may be added.'),
    timeout: shortDuration('How long fetching may take.').default('60s'),
    ignore: text(
      'Patterns of files to leave out, as in .gitignore; takes the place of the built-in patterns.',
    ).optional(),
    insecure: flag('Allows a registry without TLS, or with a certificate that nobody vouches for.').optional(),
    suspend: flag('Stops reconciling while it is true.').optional(),
  })
  .describe('What to fetch, and how.');

const status = z
  .object({
    observedGeneration,
    conditions: conditions('State of the object.'),
    url: text('Accepted for objects that other controllers wrote; no longer written.').optional(),
    artifact: Artifact.describe('The artifact of the last successful fetch.').optional(),
    observedIgnore: text('The patterns of spec.ignore that made the artifact.').optional(),
    observedLayerSelector: layerSelector.describe('The value of spec.layerSelector that made the artifact.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('What was fetched, and how it went.');

/** A repository of a container registry that is watched, and fetched when it changes. */
export const OCIRepository = kubeObject(spec, status).describe(
  'A repository of a container registry whose artifact becomes one of the cluster.',
);
export type OCIRepository = z.infer<typeof OCIRepository>;

const olderVersions: OlderVersion[] = [{ name: 'v1beta2', added: [formerStatus('status.contentConfigChecksum')] }];

export const ociRepositoryKind = defineSource({
  kind: 'OCIRepository',
  plural: 'ocirepositories',
  singular: 'ocirepository',
  shortNames: ['ocirepo'],
  servedVersions: ['v1', 'v1beta2'],
  olderVersions,
  schema: OCIRepository,
  printerColumns: [{ name: 'URL', type: 'string', jsonPath: '.spec.url' }, ...readyColumns, ageColumn],
});
