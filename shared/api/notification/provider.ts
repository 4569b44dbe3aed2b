import * as z from 'zod';
import { defineKind, type NotBuilt } from '../definition.ts';
import { flag, interval, localRef, metadata, shortDuration, text, withRules } from '../schema.ts';
import { formerStatus } from './reference.ts';

export const providerTypes = [
  'slack',
  'discord',
  'msteams',
  'rocket',
  'generic',
  'generic-hmac',
  'github',
  'gitlab',
  'gitea',
  'giteapullrequestcomment',
  'bitbucketserver',
  'bitbucket',
  'azuredevops',
  'googlechat',
  'googlepubsub',
  'webex',
  'sentry',
  'azureeventhub',
  'telegram',
  'lark',
  'matrix',
  'opsgenie',
  'alertmanager',
  'grafana',
  'githubdispatch',
  'githubpullrequestcomment',
  'gitlabmergerequestcomment',
  'pagerduty',
  'datadog',
  'nats',
  'zulip',
  'otel',
  'zoom',
  'incident.io',
] as const;
export type ProviderType = (typeof providerTypes)[number];

/** Types that can be sent to. Adding one here is what makes its Providers leave Stalled. */
export const builtProviderTypes: ProviderType[] = ['slack', 'msteams', 'discord', 'rocket', 'generic', 'generic-hmac'];

/** Whether spec.certSecretRef has a behaviour. */
export const certSecretRefBuilt: boolean = true;

/** Types whose messages are commit statuses, to which commitStatusExpr applies. */
const commitStatusTypes = ['github', 'gitlab', 'gitea', 'bitbucketserver', 'bitbucket', 'azuredevops'];

const spec = withRules(
  z.object({
    type: z.enum(providerTypes).describe('Where messages go, and in which form.'),
    interval: interval('Without effect. Deprecated.').optional(),
    channel: z.string().max(2048).describe('Channel that gets the messages.').optional(),
    username: z.string().max(2048).describe('Name under which messages are posted.').optional(),
    address: z
      .string()
      .max(2048)
      .describe('Where messages are sent: an http(s) address for most types, a project or namespace for some.')
      .optional(),
    timeout: shortDuration('How long sending may take; 15s when not set.').optional(),
    proxy: z
      .string()
      .max(2048)
      .regex(/^(http|https):\/\/.*$/)
      .describe('Address of an http(s) proxy. Deprecated: use proxySecretRef.')
      .optional(),
    proxySecretRef: localRef('Secret with the address of a proxy, and optionally username and password.').optional(),
    secretRef: localRef('Secret with the credentials: address, token, username, password, headers.').optional(),
    serviceAccountName: text(
      'Service account that signs in at a cloud, for the types azureeventhub, azuredevops and googlepubsub.',
    ).optional(),
    certSecretRef: localRef(
      'Secret with certificates for TLS: ca.crt, and tls.crt with tls.key for a client certificate.',
    ).optional(),
    suspend: flag('Stops sending while it is true.').optional(),
    commitStatusExpr: text(
      'CEL expression over event, provider and alert that makes the name of a commit status.',
    ).optional(),
  }),
  [
    {
      rule: `${commitStatusTypes.map(type => `self.type == '${type}'`).join(' || ')} || !has(self.commitStatusExpr)`,
      message: `spec.commitStatusExpr is only supported for the ${commitStatusTypes.map(type => `'${type}'`).join(', ')} provider types`,
      check: spec => commitStatusTypes.includes(spec.type) || spec.commitStatusExpr === undefined,
    },
  ],
).describe('Where messages go.');

/** A service that messages are sent to. */
export const Provider = z
  .object({ apiVersion: z.string(), kind: z.string(), metadata, spec })
  .describe('A service that messages about events are sent to.');
export type Provider = z.infer<typeof Provider>;

const notBuilt: NotBuilt[] = [
  {
    path: 'spec.type',
    when: type => !builtProviderTypes.includes(type as ProviderType),
    values: `only ${builtProviderTypes.map(type => `\`${type}\``).join(', ')}`,
  },
  { path: 'spec.proxy' },
  { path: 'spec.proxySecretRef' },
  { path: 'spec.serviceAccountName' },
  ...(certSecretRefBuilt ? [] : [{ path: 'spec.certSecretRef' }]),
  { path: 'spec.commitStatusExpr' },
];

export const providerKind = defineKind({
  group: 'notification.toolkit.fluxcd.io',
  kind: 'Provider',
  plural: 'providers',
  singular: 'provider',
  shortNames: [],
  categories: ['all', 'fluxcd', 'fluxcd-notifications'],
  version: 'v1beta3',
  servedVersions: ['v1beta3', 'v1beta2', 'v1beta1'],
  olderVersions: [
    { name: 'v1beta2', added: [formerStatus] },
    { name: 'v1beta1', added: [formerStatus] },
  ],
  schema: Provider,
  printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  fieldManager: 'notification-controller',
  finalizer: undefined,
  hasStatus: false,
  notBuilt,
});
