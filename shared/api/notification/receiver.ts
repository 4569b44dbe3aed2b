import * as z from 'zod';
import { defineKind, type NotBuilt } from '../definition.ts';
import {
  conditions,
  flag,
  interval,
  kubeObject,
  lastHandledReconcileAt,
  localRef,
  mapList,
  observedGeneration,
  text,
  withRules,
} from '../schema.ts';
import { crossNamespaceReference, formerUrl } from './reference.ts';

export const receiverTypes = [
  'generic',
  'generic-hmac',
  'generic-oidc',
  'github',
  'gitlab',
  'bitbucket',
  'harbor',
  'dockerhub',
  'quay',
  'gcr',
  'nexus',
  'acr',
  'cdevents',
] as const;
export type ReceiverType = (typeof receiverTypes)[number];

/** Types whose requests can be verified. Adding one here is what makes its Receivers leave Stalled. */
export const builtReceiverTypes: ReceiverType[] = ['generic', 'generic-hmac', 'github', 'gitlab'];

const oidcProvider = z
  .object({
    issuerURL: z
      .string()
      .regex(/^https?:\/\//)
      .describe("Address of the issuer: where its keys are looked up, and what the token's `iss` must be."),
    audience: text("What the token's `aud` must hold; `notification-controller` when not set.").optional(),
    variables: z
      .array(
        z
          .object({
            name: text('Name of the variable, a CEL identifier.'),
            expression: text('CEL expression that gives its value.'),
          })
          .describe('A named CEL expression.'),
      )
      .describe('CEL expressions over `claims` and the variables before them, used as `vars.<name>`.')
      .optional(),
    validations: z
      .array(
        z
          .object({
            expression: text('CEL expression that must be true.'),
            message: text('What the sender is told when it is not.'),
          })
          .describe('A check of the token.'),
      )
      .min(1)
      .describe(
        'Checks of the claims; all must hold. Public issuers sign tokens for anybody, so at least one is required.',
      ),
  })
  .describe('An issuer of OpenID Connect tokens that is trusted.');

const resource = crossNamespaceReference
  .extend({
    filter: text(
      'CEL expression over `res` (metadata of the object), `req` (body of the request) and `claims`; only objects for which it is true are reconciled.',
    ).optional(),
  })
  .describe('An object, or several, to be reconciled.');

type ReceiverSpecShape = { type: string; oidcProviders?: unknown[] | undefined; secretRef?: unknown };
const isOidc = (spec: ReceiverSpecShape) => spec.type === 'generic-oidc';
const hasProviders = (spec: ReceiverSpecShape) => (spec.oidcProviders?.length ?? 0) > 0;

const spec = withRules(
  z.object({
    type: z.enum(receiverTypes).describe('Who sends, which decides how requests are verified and read.'),
    interval: interval('How often the Secret is looked at, at least.').default('10m'),
    events: z
      .array(z.string())
      .describe('Kinds of events that are handled, such as `push` (GitHub) or `Push Hook` (GitLab); all when not set.')
      .optional(),
    resources: z.array(resource).describe('Objects that are reconciled when a request comes.'),
    resourceFilter: text(
      'CEL expression over `res` (metadata of the object), `req` (body of the request) and `claims`; only objects for which it is true are reconciled.',
    ).optional(),
    oidcProviders: mapList(
      oidcProvider,
      ['issuerURL'],
      'Issuers whose tokens are accepted, for the type generic-oidc.',
    ).optional(),
    secretRef: localRef(
      'Secret with the token, by which requests are verified. The type gcr needs email and audience, too. Required except for generic-oidc.',
    ).optional(),
    suspend: flag('Stops handling requests while it is true.').optional(),
  }),
  [
    {
      rule: "self.type != 'generic-oidc' || (has(self.oidcProviders) && size(self.oidcProviders) > 0)",
      message: 'generic-oidc receivers must define at least one oidcProvider',
      check: spec => !isOidc(spec) || hasProviders(spec),
    },
    {
      rule: "self.type == 'generic-oidc' || !has(self.oidcProviders) || size(self.oidcProviders) == 0",
      message: 'oidcProviders can only be set when type is generic-oidc',
      check: spec => isOidc(spec) || !hasProviders(spec),
    },
    {
      rule: "self.type != 'generic-oidc' || !has(self.secretRef)",
      message: 'secretRef cannot be set when type is generic-oidc',
      check: spec => !isOidc(spec) || spec.secretRef === undefined,
    },
    {
      rule: "self.type == 'generic-oidc' || has(self.secretRef)",
      message: 'secretRef is required when type is not generic-oidc',
      check: spec => isOidc(spec) || spec.secretRef !== undefined,
    },
  ],
).describe('Which requests are accepted, and what they set off.');

const status = z
  .object({
    observedGeneration,
    conditions: conditions('State of the object.'),
    webhookPath: text('Path of the webhook, `/hook/` and the hex SHA-256 of token, name and namespace.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('Where requests are taken, and how the object is.');

/** A webhook that sets off reconciliations. */
export const Receiver = kubeObject(spec, status).describe('A webhook that sets off reconciliations.');
export type Receiver = z.infer<typeof Receiver>;

const notBuilt: NotBuilt[] = [
  {
    path: 'spec.type',
    when: type => !builtReceiverTypes.includes(type as ReceiverType),
    values: `only ${builtReceiverTypes.map(type => `\`${type}\``).join(', ')}`,
  },
  { path: 'spec.oidcProviders' },
];

export const receiverKind = defineKind({
  group: 'notification.toolkit.fluxcd.io',
  kind: 'Receiver',
  plural: 'receivers',
  singular: 'receiver',
  shortNames: [],
  categories: ['all', 'fluxcd', 'fluxcd-notifications'],
  version: 'v1',
  servedVersions: ['v1', 'v1beta2', 'v1beta1'],
  olderVersions: [
    { name: 'v1beta2', added: [formerUrl] },
    { name: 'v1beta1', added: [formerUrl] },
  ],
  schema: Receiver,
  printerColumns: [
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
  ],
  fieldManager: 'notification-controller',
  finalizer: 'finalizers.fluxcd.io',
  hasStatus: true,
  notBuilt,
});
