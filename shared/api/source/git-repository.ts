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

const include = z
  .object({
    repository: localRef('The GitRepository whose artifact is included.'),
    fromPath: text('Directory of the included artifact to copy from; its root when not set.').optional(),
    toPath: text('Directory to copy to; the name of the included GitRepository when not set.').optional(),
  })
  .describe('The contents of another GitRepository, and where they go.');

const reference = z
  .object({
    branch: text('Branch to follow. With nothing else set, `master`.').optional(),
    tag: text('Tag to check out; stronger than branch.').optional(),
    semver: text('Range of versions; the highest tag in it is checked out. Stronger than tag.').optional(),
    name: text(
      'Full name of a reference, such as refs/pull/420/head. Stronger than branch, tag and semver.',
    ).optional(),
    commit: text(
      'Commit to check out, stronger than all other fields. With branch, the commit is looked for on that branch.',
    ).optional(),
  })
  .describe('Which reference of the repository is followed; the branch `master` when not set.');

const verification = z
  .object({
    mode: z
      .enum(['head', 'HEAD', 'Tag', 'TagAndHEAD'])
      .default('HEAD')
      .describe('What must be signed: the commit (HEAD; head means the same), the tag, or both.'),
    secretRef: localRef(
      'Secret with the public keys of trusted authors: PGP keys under names ending in .asc, SSH keys under .sshpub.',
    ),
  })
  .describe('Signatures that the commit or the tag must carry.');

const spec = withRules(
  z.object({
    url: z
      .string()
      .regex(/^(http|https|ssh):\/\/.*$/)
      .describe('Address of the repository, by http, https or ssh.'),
    secretRef: localRef(
      'Secret with credentials. For http(s): username and password, or bearerToken; ca.crt, tls.crt and tls.key for TLS. For ssh: identity, known_hosts, and password if the identity is encrypted.',
    ).optional(),
    provider: z
      .enum(['generic', 'aws', 'azure', 'github'])
      .describe('Who issues the credentials; `generic` (from the Secret) when not set.')
      .optional(),
    serviceAccountName: text(
      'Service account that signs in at the provider; only with the providers azure and aws.',
    ).optional(),
    interval: interval('How often the repository is looked at, at least. Some jitter may be added.'),
    timeout: shortDuration('How long fetching may take.').default('60s'),
    ref: reference.optional(),
    verify: verification.optional(),
    proxySecretRef: localRef('Secret with the address and the credentials of a proxy.').optional(),
    ignore: text(
      'Patterns of files to leave out, as in .gitignore; takes the place of the built-in patterns.',
    ).optional(),
    suspend: flag('Stops reconciling while it is true.').optional(),
    recurseSubmodules: flag('Fetches submodules, too.').optional(),
    include: z.array(include).describe('Other GitRepositories whose artifacts become part of this one.').optional(),
    sparseCheckout: z.array(z.string()).describe('Directories to fetch; the whole tree when not set.').optional(),
  }),
  [
    {
      rule: "!has(self.serviceAccountName) || (has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))",
      message: "serviceAccountName can only be set when provider is 'azure' or 'aws'",
      check: spec => spec.serviceAccountName === undefined || spec.provider === 'azure' || spec.provider === 'aws',
    },
  ],
).describe('What to fetch, and how.');

const status = z
  .object({
    observedGeneration,
    conditions: conditions('State of the object.'),
    artifact: Artifact.describe('The artifact of the last successful fetch.').optional(),
    includedArtifacts: z.array(Artifact).describe('Artifacts that were included in the artifact.').optional(),
    observedIgnore: text('The patterns of spec.ignore that made the artifact.').optional(),
    observedRecurseSubmodules: flag('The value of spec.recurseSubmodules that made the artifact.').optional(),
    observedInclude: z.array(include).describe('The value of spec.include that made the artifact.').optional(),
    observedSparseCheckout: z
      .array(z.string())
      .describe('The value of spec.sparseCheckout that made the artifact.')
      .optional(),
    sourceVerificationMode: text('What was verified the last time: HEAD, Tag or TagAndHEAD.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('What was fetched, and how it went.');

/** A Git repository that is watched, and fetched when it changes. */
export const GitRepository = kubeObject(spec, status).describe('A Git repository whose contents become an artifact.');
export type GitRepository = z.infer<typeof GitRepository>;

const gitImplementation = {
  path: 'spec.gitImplementation',
  schema: {
    type: 'string',
    enum: ['go-git', 'libgit2'],
    description: 'Accepted for manifests of this version; without effect.',
  },
};

const former = [formerStatus('status.url'), formerStatus('status.artifact.checksum')];

const olderVersions: OlderVersion[] = [
  {
    name: 'v1beta2',
    added: [gitImplementation, accessFrom, ...former, formerStatus('status.contentConfigChecksum')],
  },
  {
    name: 'v1beta1',
    added: [gitImplementation, accessFrom, ...former],
  },
];

export const gitRepositoryKind = defineSource({
  kind: 'GitRepository',
  plural: 'gitrepositories',
  singular: 'gitrepository',
  shortNames: ['gitrepo'],
  servedVersions: ['v1', 'v1beta2', 'v1beta1'],
  olderVersions,
  schema: GitRepository,
  printerColumns: [{ name: 'URL', type: 'string', jsonPath: '.spec.url' }, ageColumn, ...readyColumns],
});
