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
  withRules,
} from '../schema.ts';
import { Artifact } from './artifact.ts';
import { accessFrom, ageColumn, defineSource, formerStatus, readyColumns } from './source-kind.ts';

const sts = z
  .object({
    provider: z
      .enum(['aws', 'ldap'])
      .describe('Kind of the service: `aws` with the provider aws, `ldap` with the provider generic.'),
    endpoint: z
      .string()
      .regex(/^(http|https):\/\/.*$/)
      .describe('Address of the service that gives the temporary credentials.'),
    secretRef: localRef('Secret with the username and password to sign in with; only for `ldap`.').optional(),
    certSecretRef: localRef(
      'Secret with ca.crt, or tls.crt and tls.key, for the connection to the service; only for `ldap`.',
    ).optional(),
  })
  .describe('Security token service that gives temporary credentials; only with the providers aws and generic.');

const spec = withRules(
  z.object({
    provider: z
      .enum(['generic', 'aws', 'gcp', 'azure'])
      .default('generic')
      .describe('Whose storage it is; `generic` for everything that speaks the S3 protocol.'),
    bucketName: text('Name of the bucket; with azure, of the container.'),
    endpoint: text('Where the bucket is: host[:port]; with azure, the URL of the storage account.'),
    sts: sts.optional(),
    insecure: flag('Connects by plain http.').optional(),
    region: text('Region of the bucket.').optional(),
    prefix: text('Only objects whose keys begin so are listed.').optional(),
    secretRef: localRef(
      'Secret with credentials: accesskey and secretkey (generic, aws), serviceaccount (gcp); for azure: accountKey, sasKey, clientId, or tenantId and clientId with clientSecret or clientCertificate.',
    ).optional(),
    serviceAccountName: text('Service account that signs in at the provider; not with generic.').optional(),
    certSecretRef: localRef(
      'Secret with ca.crt, or tls.crt and tls.key, for the connection; only with the provider generic.',
    ).optional(),
    proxySecretRef: localRef('Secret with the address and the credentials of a proxy.').optional(),
    interval: interval('How often the bucket is looked at, at least. Some jitter may be added.'),
    timeout: shortDuration('How long listing may take, and fetching as long again.').default('60s'),
    ignore: text(
      'Patterns of objects to leave out, as in .gitignore; takes the place of the built-in patterns.',
    ).optional(),
    suspend: flag('Stops reconciling while it is true.').optional(),
  }),
  [
    {
      rule: "self.provider == 'aws' || self.provider == 'generic' || !has(self.sts)",
      message: "STS configuration is only supported for the 'aws' and 'generic' Bucket providers",
      check: ({ provider, sts }) => provider === 'aws' || provider === 'generic' || sts === undefined,
    },
    {
      rule: "self.provider != 'aws' || !has(self.sts) || self.sts.provider == 'aws'",
      message: "'aws' is the only supported STS provider for the 'aws' Bucket provider",
      check: ({ provider, sts }) => provider !== 'aws' || sts === undefined || sts.provider === 'aws',
    },
    {
      rule: "self.provider != 'generic' || !has(self.sts) || self.sts.provider == 'ldap'",
      message: "'ldap' is the only supported STS provider for the 'generic' Bucket provider",
      check: ({ provider, sts }) => provider !== 'generic' || sts === undefined || sts.provider === 'ldap',
    },
    {
      rule: "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.secretRef)",
      message: "spec.sts.secretRef is not required for the 'aws' STS provider",
      check: ({ sts }) => sts?.provider !== 'aws' || sts.secretRef === undefined,
    },
    {
      rule: "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.certSecretRef)",
      message: "spec.sts.certSecretRef is not required for the 'aws' STS provider",
      check: ({ sts }) => sts?.provider !== 'aws' || sts.certSecretRef === undefined,
    },
    {
      rule: "self.provider != 'generic' || !has(self.serviceAccountName)",
      message: "ServiceAccountName is not supported for the 'generic' Bucket provider",
      check: ({ provider, serviceAccountName }) => provider !== 'generic' || serviceAccountName === undefined,
    },
    {
      rule: '!has(self.secretRef) || !has(self.serviceAccountName)',
      message: 'cannot set both .spec.secretRef and .spec.serviceAccountName',
      check: ({ secretRef, serviceAccountName }) => secretRef === undefined || serviceAccountName === undefined,
    },
  ],
).describe('What to fetch, and how.');

const status = z
  .object({
    observedGeneration,
    conditions: conditions('State of the object.'),
    url: text('Address of the latest artifact; status.artifact says more.').optional(),
    artifact: Artifact.describe('The artifact of the last successful fetch.').optional(),
    observedIgnore: text('The patterns of spec.ignore that made the artifact.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('What was fetched, and how it went.');

/** A bucket of objects that is watched, and fetched when they change. */
export const Bucket = kubeObject(spec, status).describe('A bucket of object storage whose objects become an artifact.');
export type Bucket = z.infer<typeof Bucket>;

const older = [accessFrom, formerStatus('status.artifact.checksum')];

const olderVersions: OlderVersion[] = [
  { name: 'v1beta2', added: older },
  { name: 'v1beta1', added: older },
];

export const bucketKind = defineSource({
  kind: 'Bucket',
  plural: 'buckets',
  singular: 'bucket',
  shortNames: [],
  servedVersions: ['v1', 'v1beta2', 'v1beta1'],
  olderVersions,
  schema: Bucket,
  printerColumns: [{ name: 'Endpoint', type: 'string', jsonPath: '.spec.endpoint' }, ageColumn, ...readyColumns],
});
