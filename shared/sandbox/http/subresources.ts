import * as z from 'zod';
import { DeleteOptions, deleteEntry } from '../crud/delete.ts';
import { timestamp } from '../crud/kernel.ts';
import { liveEntry } from '../crud/write.ts';
import { badRequest, Fault, methodNotAllowed, noSuchPath } from '../faults.ts';
import { sendJson } from './answer.ts';
import { contentTypeOf, parseBody, readBody } from './body.ts';
import type { Call } from './resources.ts';

/** Subresources that are neither status nor scale. */
export async function serveSubresource(call: Call): Promise<void> {
  const { definition, subresource } = call.target;
  switch (`${definition.storageKey}/${subresource}`) {
    case '/serviceaccounts/token':
      return serveToken(call);
    case '/pods/eviction':
      return serveEviction(call);
    case '/pods/log':
      liveEntry(call.services.kernel, call.target);
      throw new Fault(501, 'NotImplemented', 'the sandbox cluster runs no containers, so there are no logs');
    default:
      throw noSuchPath();
  }
}

async function bodyOf(call: Call, kind: string): Promise<unknown> {
  return parseBody(await readBody(call.request), contentTypeOf(call.request), kind).value;
}

const TokenRequest = z.looseObject({
  spec: z
    .looseObject({
      audiences: z.array(z.string()).nullish(),
      expirationSeconds: z.number().int().nullish(),
    })
    .default({}),
});

async function serveToken(call: Call): Promise<void> {
  if (call.request.method !== 'POST') throw methodNotAllowed();
  const account = liveEntry(call.services.kernel, call.target).object;
  const parsed = TokenRequest.safeParse(await bodyOf(call, 'TokenRequest'));
  if (!parsed.success) throw badRequest(`the TokenRequest is not valid: ${z.prettifyError(parsed.error)}`);
  const { audiences, expirationSeconds } = parsed.data.spec;
  const seconds = expirationSeconds ?? 3600;
  if (seconds < 600) throw badRequest('spec.expirationSeconds: may not specify a duration less than 10 minutes');
  const { token, expires } = call.services.tokens.issue(account, audiences ?? [], Math.min(seconds, 86_400));
  const { name, namespace } = account.metadata;
  const answer = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: timestamp(call.services.kernel.now()) },
    spec: { audiences: audiences ?? [], expirationSeconds: seconds, boundObjectRef: null },
    status: { token, expirationTimestamp: timestamp(expires) },
  };
  sendJson(call.response, 201, JSON.stringify(answer), call.accepted.format);
}

const Eviction = z.looseObject({ deleteOptions: DeleteOptions.nullish() });

/** Evictions are deletions; disruption budgets do not hold them back here. */
async function serveEviction(call: Call): Promise<void> {
  if (call.request.method !== 'POST') throw methodNotAllowed();
  const parsed = Eviction.safeParse(await bodyOf(call, 'Eviction'));
  if (!parsed.success) throw badRequest(`the Eviction is not valid: ${z.prettifyError(parsed.error)}`);
  const { kernel } = call.services;
  const entry = liveEntry(kernel, call.target);
  const options = parsed.data.deleteOptions ?? {};
  deleteEntry(kernel, call.target.definition, entry, options, (options.dryRun ?? []).includes('All'));
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  sendJson(call.response, 201, JSON.stringify(status), call.accepted.format);
}
