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
  stringMap,
  text,
} from '../schema.ts';
import { Artifact } from './artifact.ts';
import { ageColumn, defineSource, formerStatus, readyColumns } from './source-kind.ts';

const accessFrom = z
  .object({
    namespaceSelectors: z
      .array(z.object({ matchLabels: stringMap('Labels that a namespace must carry.').optional() }))
      .describe('Namespaces whose objects may refer to this one.'),
  })
  .describe('Provisional in Flux, and without effect there as here.');

const spec = z
  .object({
    url: z
      .string()
      .regex(/^(http|https|oci):\/\/.*$/)
      .describe('Address of the repository: by http or https that of the index without `index.yaml`, or oci://.'),
    secretRef: localRef(
      'Secret with credentials: username and password; for oci also of the type kubernetes.io/dockerconfigjson.',
    ).optional(),
    certSecretRef: localRef(
      'Secret with TLS material: ca.crt, and tls.crt with tls.key. Stronger than what secretRef holds of it.',
    ).optional(),
    passCredentials: flag(
      'Sends the credentials to other hosts, too, when the index names charts there. Only for http and https.',
    ).optional(),
    interval: interval(
      'How often the index is looked at, at least; 1m when not set. Some jitter may be added. Without effect for oci.',
    ).optional(),
    insecure: flag('Allows plain http to the registry. Only for oci.').optional(),
    timeout: shortDuration('How long fetching an index or a chart may take; 60s when not set.').optional(),
    suspend: flag('Stops reconciling while it is true.').optional(),
    accessFrom: accessFrom.optional(),
    type: z
      .enum(['default', 'oci'])
      .describe('`default` for a repository with an index, by http or https; `oci` for a registry.')
      .optional(),
    provider: z
      .enum(['generic', 'aws', 'azure', 'gcp'])
      .default('generic')
      .describe('Who issues the credentials for a registry; `generic` for the Secret. Only for oci.'),
  })
  .describe('Where charts are, and how to get there.');

const status = z
  .object({
    observedGeneration,
    conditions: conditions('State of the object.'),
    url: text('Address of the last artifact.').optional(),
    artifact: Artifact.describe('The index as it was last fetched.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('What was fetched, and how it went. Empty for the type oci.');

/** A Helm repository: an index that is watched, or the address of a registry. */
export const HelmRepository = kubeObject(spec, status).describe('A repository of Helm charts.');
export type HelmRepository = z.infer<typeof HelmRepository>;

const olderVersions: OlderVersion[] = [
  { name: 'v1beta2', added: [] },
  { name: 'v1beta1', added: [formerStatus('status.artifact.checksum')] },
];

/** Whether it is the address of a registry: an object that holds data and is not reconciled. */
export function isRegistry({ spec }: HelmRepository): boolean {
  return spec.type === 'oci';
}

export const helmRepositoryKind = defineSource({
  kind: 'HelmRepository',
  plural: 'helmrepositories',
  singular: 'helmrepository',
  shortNames: ['helmrepo'],
  servedVersions: ['v1', 'v1beta2', 'v1beta1'],
  olderVersions,
  schema: HelmRepository,
  printerColumns: [{ name: 'URL', type: 'string', jsonPath: '.spec.url' }, ageColumn, ...readyColumns],
});
