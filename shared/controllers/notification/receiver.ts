import { formatDuration, parseDuration } from '../../api/duration.ts';
import type { Receiver } from '../../api/notification/receiver.ts';
import type { KubeObject } from '../../api/object.ts';
import { ApiError } from '../../ports/cluster.ts';
import type { Context, Controller } from '../../reconcile/controller.ts';
import { classify, RetryError } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { compileFilters } from './hook/filters.ts';
import { webhookPath } from './hook/webhook-path.ts';

/** Gives a Receiver its path, from its Secret's token; the index learns it from the status. */
export const receiverController: Controller<Receiver> = {
  kind: 'Receiver',
  transientConditions: [],
  reconcile,
};

async function reconcile(context: Context<Receiver>): Promise<Outcome> {
  const { object, status } = context;
  context.stage('Reconciliation in progress');
  // What is wrong there makes the Receiver Stalled, rather than its requests fail.
  compileFilters(object);
  let token: Buffer;
  try {
    token = await readToken(context);
  } catch (error) {
    const failure = classify(error);
    return failure.type === 'failed' ? { ...failure, eventReason: 'Failed' } : failure;
  }
  const path = webhookPath(token, object.metadata.name, object.metadata.namespace ?? '');
  const message = `Receiver initialized for path: ${path}`;
  if (status.webhookPath !== path) context.log.info('the Receiver has a new path');
  status.webhookPath = path;
  context.event({
    severity: 'info',
    reason: 'Succeeded',
    message: `Reconciliation finished, next run in ${formatDuration(parseDuration(object.spec.interval))}`,
    to: 'cluster',
  });
  return { type: 'done', reason: 'Succeeded', message };
}

async function readToken(context: Context<Receiver>): Promise<Buffer> {
  const namespace = context.object.metadata.namespace ?? '';
  const name = context.object.spec.secretRef?.name ?? '';
  const secret = await context.cluster
    .get<KubeObject>({ apiVersion: 'v1', kind: 'Secret' }, namespace, name)
    .catch((error: unknown) => {
      // It may be there: the path stays.
      if (!(error instanceof ApiError)) throw error;
      throw new RetryError('TokenNotFound', `unable to read token from secret '${namespace}/${name}'`, {
        cause: error,
      });
    });
  const encoded: unknown = secret?.data?.token;
  if (typeof encoded === 'string' && encoded !== '') return Buffer.from(encoded, 'base64');
  // A Receiver without a token must not be reachable at the path it had.
  delete context.status.webhookPath;
  if (!secret)
    throw new RetryError(
      'TokenNotFound',
      `unable to read token from secret '${namespace}/${name}' error: secrets "${name}" not found`,
    );
  // With an empty one anybody could sign requests, and guess the path.
  const what = encoded === '' ? "'token' is empty" : "required fields 'token'";
  throw new RetryError('TokenNotFound', `invalid '${namespace}/${name}' secret data: ${what}`);
}
