import { ApiError, UnknownCluster } from '../../../ports/cluster.ts';
import type { Ports } from '../../../ports/ports.ts';
import { findError, messageOfError } from '../../../reconcile/errors.ts';
import { within } from '../../../reconcile/within.ts';
import type { KeptHook } from '../messages.ts';
import { type DeliveryOptions, deliver, type HookAnswer, notFound } from './deliver.ts';
import { findReceivers, findReceiversOf } from './find.ts';
import { dropHook, hookLater, keepHook, keptRequest } from './keep.ts';
import { type HookHeaders, type HookRequest, liveRequest } from './request.ts';
import { isWebhookPath } from './webhook-path.ts';

/** Flux's bound of a body. */
export const maxHookBody = 3 * 1024 * 1024;

export interface IncomingHook {
  /** With the query, if any: Flux compares the whole request target. */
  path: string;
  headers: HookHeaders;
  body: Buffer;
  trace: string;
}

export interface ReceiveOptions extends DeliveryOptions {
  /** Senders give up after some seconds (GitHub: ten): a cluster that takes longer is as good as unreachable. */
  deadlineMs: number;
}

/**
 * Takes a request at a webhook path: finds the Receivers (several clusters may have one each) and hands it to each. A
 * request that cannot be handed over now is kept and answered 202; no push is lost because a cluster is away.
 */
export async function receiveHook(hook: IncomingHook, given: Ports, options: ReceiveOptions): Promise<HookAnswer> {
  if (hook.body.length > maxHookBody) {
    // Whatever it told of is lost, so it is said; not at which path, since whoever knows that may call.
    given.log.warn('webhook refused: its body is too large', { trace: hook.trace, bytes: hook.body.length });
    return { status: 413, message: tooLarge(hook.body.length) };
  }
  if (!isWebhookPath(hook.path)) return { status: 404, message: notFound };
  const ports = { ...given, log: given.log.with({ trace: hook.trace }) };
  const { receivers, unknown } = await findReceivers(hook.path, ports);
  const request = liveRequest(hook.body, hook.headers);
  const answers = await Promise.all([
    ...receivers.map(async key => {
      try {
        return await within(options.deadlineMs, deliver(key, { ...hook, request }, ports, options));
      } catch (error) {
        return keepOrRefuse(hook, key.cluster, error, ports);
      }
    }),
    ...unknown.map(cluster => keep(hook, cluster, 'its Receivers are not known yet', ports)),
  ]);
  return combine(answers);
}

function tooLarge(bytes: number): string {
  return `the body has ${bytes} bytes; at most ${maxHookBody} are taken (3 MiB, as by Flux): have the webhook send push events only`;
}

/** A cluster that hangs must not hold the worker until that is killed: the message would end in the dead-letter queue. */
const retryMs = 20_000;

/**
 * The next try of a kept request. Returns what it came to, for the log; undefined when it has to wait on. The caller owes
 * nobody an answer any more: what Flux would answer with an error ends in a log line.
 */
export async function retryHook(
  kept: KeptHook,
  given: Ports,
  options: DeliveryOptions,
): Promise<HookAnswer | undefined> {
  const ports = { ...given, log: given.log.with({ trace: kept.trace }) };
  const log = ports.log.with({ cluster: kept.cluster, hook: kept.id });
  const request = await keptRequest(kept, ports);
  if (!request) return { status: 200, message: 'dealt with before' };
  let answer: HookAnswer;
  try {
    answer = await within(retryMs, redeliver(kept, request, ports, options));
  } catch (error) {
    if (findError(error, UnknownCluster)) {
      answer = { status: 404, message: 'the cluster is no longer registered' };
    } else {
      const next = { ...kept, attempt: kept.attempt + 1 };
      if (await hookLater(next, ports)) {
        log.warn('the cluster still cannot be asked; the webhook waits on', { error: messageOfError(error) });
        return undefined;
      }
      answer = { status: 504, message: `given up after ${kept.attempt} tries: ${messageOfError(error)}` };
    }
  }
  await dropHook(kept, ports);
  if (answer.status === 200) log.info('kept webhook delivered', { attempt: kept.attempt });
  else log.error('kept webhook dropped', { status: answer.status, error: answer.message });
  return answer;
}

async function redeliver(
  kept: KeptHook,
  request: HookRequest,
  ports: Ports,
  options: DeliveryOptions,
): Promise<HookAnswer> {
  const receivers = await findReceiversOf(kept.cluster, kept.path, ports);
  if (!receivers) throw new Error(`the Receivers of cluster ${kept.cluster} could not be listed`);
  const delivery = { path: kept.path, request, trace: kept.trace };
  return combine(await Promise.all(receivers.map(key => deliver(key, delivery, ports, options))));
}

async function keepOrRefuse(hook: IncomingHook, cluster: string, error: unknown, ports: Ports): Promise<HookAnswer> {
  if (findError(error, UnknownCluster)) return { status: 404, message: notFound };
  return keep(hook, cluster, messageOfError(error), ports, findError(error, ApiError)?.status);
}

async function keep(
  hook: IncomingHook,
  cluster: string,
  why: string,
  ports: Ports,
  status?: number,
): Promise<HookAnswer> {
  const kept = await keepHook({ ...hook, cluster }, ports);
  ports.log.warn('the cluster cannot be asked; the webhook is kept and handed over later', {
    cluster,
    hook: kept.id,
    error: why,
    ...(status === undefined ? {} : { status }),
  });
  return { status: 202, message: 'kept: the cluster cannot be reached at the moment' };
}

/**
 * One answer for all clusters. What the sender should know comes first: that something failed and is worth another delivery,
 * that something waits, that something was done; a refusal only when nobody took it.
 */
function combine(answers: HookAnswer[]): HookAnswer {
  for (const status of [500, 202, 200, 503, 400]) {
    const answer = answers.find(candidate => candidate.status === status);
    if (answer) return answer;
  }
  return { status: 404, message: notFound };
}
