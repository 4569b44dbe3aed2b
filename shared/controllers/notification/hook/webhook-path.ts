import { createHash } from 'node:crypto';

/** The path a Receiver answers at: Flux's, so that webhooks set up for Flux keep working. */
export function webhookPath(token: string | Buffer, name: string, namespace: string): string {
  return `/hook/${createHash('sha256').update(token).update(name).update(namespace).digest('hex')}`;
}

/** Whether a request's path can be one at all; anything else is refused before the index is asked. */
export function isWebhookPath(path: string): boolean {
  return /^\/hook\/[0-9a-f]{64}$/.test(path);
}
