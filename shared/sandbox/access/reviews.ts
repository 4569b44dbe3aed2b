import * as z from 'zod';
import type { Kernel } from '../crud/kernel.ts';
import { timestamp } from '../crud/kernel.ts';
import { badRequest, type Fault, invalid } from '../faults.ts';
import type { Authorizer, PathAttributes, PolicyRule, ResourceAttributes } from './rbac.ts';
import type { Tokens } from './tokens.ts';
import { mastersGroup, type User } from './user.ts';

const AccessSpec = z.object({
  resourceAttributes: z
    .object({
      namespace: z.string().default(''),
      verb: z.string().default(''),
      group: z.string().default(''),
      resource: z.string().default(''),
      subresource: z.string().default(''),
      name: z.string().default(''),
    })
    .nullish(),
  nonResourceAttributes: z.object({ path: z.string().default(''), verb: z.string().default('') }).nullish(),
  user: z.string().nullish(),
  groups: z.array(z.string()).nullish(),
  uid: z.string().nullish(),
});

const Review = z.looseObject({ spec: z.looseObject({}).default({}), metadata: z.looseObject({}).default({}) });

/** Answers the kinds that are asked, never stored. */
export class Reviews {
  readonly #kernel: Kernel;
  readonly #authorizer: Authorizer;
  readonly #tokens: Tokens;

  constructor(kernel: Kernel, authorizer: Authorizer, tokens: Tokens) {
    this.#kernel = kernel;
    this.#authorizer = authorizer;
    this.#tokens = tokens;
  }

  answer(kind: string, body: unknown, user: User, namespace: string): Record<string, unknown> {
    const parsed = Review.safeParse(body);
    if (!parsed.success) throw badRequest(`the body of the request is no ${kind}: ${z.prettifyError(parsed.error)}`);
    const review = parsed.data;
    switch (kind) {
      case 'SelfSubjectReview':
        return { metadata: this.#created(), status: { userInfo: userInfo(user) } };
      case 'TokenReview':
        return { ...review, status: this.#reviewToken(String(review.spec.token ?? '')) };
      case 'SelfSubjectRulesReview':
        return { ...review, status: this.#rules(user, String(review.spec.namespace ?? '')) };
      case 'SelfSubjectAccessReview':
        return { ...review, status: this.#access(review.spec, user) };
      default:
        return this.#others(review, kind.startsWith('Local') ? namespace : undefined);
    }
  }

  #others(review: z.infer<typeof Review>, namespace: string | undefined): Record<string, unknown> {
    const status = this.#access(review.spec, undefined, namespace);
    return { ...review, ...(namespace ? { metadata: { ...review.metadata, namespace } } : {}), status };
  }

  #created(): Record<string, unknown> {
    return { creationTimestamp: timestamp(this.#kernel.now()) };
  }

  #reviewToken(token: string): Record<string, unknown> {
    const user = this.#tokens.userOf(token);
    return user ? { authenticated: true, user: userInfo(user) } : { error: 'invalid bearer token', user: {} };
  }

  #access(spec: unknown, self: User | undefined, namespace?: string): Record<string, unknown> {
    const parsed = AccessSpec.safeParse(spec);
    if (!parsed.success) throw badRequest(`spec: ${z.prettifyError(parsed.error)}`);
    const { resourceAttributes, nonResourceAttributes, user, groups } = parsed.data;
    const attributes: ResourceAttributes | PathAttributes | null | undefined =
      resourceAttributes ?? nonResourceAttributes;
    if (!attributes)
      throw incomplete(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      );
    const subject = self ?? { name: user ?? '', groups: groups ?? [] };
    if (!subject.name && subject.groups.length === 0)
      throw incomplete('spec.user', '', 'at least one of user or group must be specified');
    if (namespace !== undefined && resourceAttributes && resourceAttributes.namespace !== namespace)
      throw incomplete(
        'spec.resourceAttributes.namespace',
        resourceAttributes.namespace,
        'must match metadata.namespace',
      );
    const decision = this.#authorizer.authorize(subject, attributes);
    return { allowed: decision.allowed, ...(decision.allowed && decision.reason ? { reason: decision.reason } : {}) };
  }

  #rules(user: User, namespace: string): Record<string, unknown> {
    const rules = user.groups.includes(mastersGroup)
      ? [
          { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
          { verbs: ['*'], nonResourceURLs: ['*'] },
        ]
      : this.#authorizer.grants(user, namespace).flatMap(granted => granted.rules);
    return {
      resourceRules: rules.filter(rule => (rule as PolicyRule).resources),
      nonResourceRules: rules.filter(rule => (rule as PolicyRule).nonResourceURLs),
      incomplete: false,
    };
  }
}

function incomplete(field: string, value: unknown, detail: string): Fault {
  // The API server names no kind here.
  return invalid('authorization.k8s.io', '', '', [{ type: 'FieldValueInvalid', field, value, detail }]);
}

function userInfo(user: User): Record<string, unknown> {
  const { name, groups, uid, extra } = user;
  return {
    username: name,
    ...(uid ? { uid } : {}),
    groups,
    ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
  };
}
