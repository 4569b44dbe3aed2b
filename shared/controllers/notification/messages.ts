import * as z from 'zod';
import { ToolkitEvent } from '../../reconcile/event.ts';

/** What, besides events and work items, lies on the queue 'notification'. None of it holds a secret. */

/** Sending a notification again, after a failure that may pass. */
export const NotifyAgain = z.strictObject({
  type: z.literal('notify'),
  event: ToolkitEvent,
  /** The Alert whose Provider failed; absent when the cluster itself could not be read, so that no Alert is known. */
  alert: z.strictObject({ namespace: z.string(), name: z.string() }).optional(),
  /** How often it was tried. */
  attempt: z.int().positive(),
});
export type NotifyAgain = z.infer<typeof NotifyAgain>;

/** A request to a webhook path that waits for its cluster. The body lies in the store. */
export const KeptHook = z.strictObject({
  type: z.literal('hook'),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** The cluster that could not be asked. */
  cluster: z.string(),
  path: z.string(),
  trace: z.string(),
  /** Headers that hold no secret. */
  headers: z.record(z.string(), z.string()),
  /** Of headers that hold a secret: a salted digest, to which that of the Receiver's token can be compared. */
  digests: z.record(z.string(), z.strictObject({ salt: z.string(), digest: z.string() })),
  /** How often the cluster was asked. */
  attempt: z.int().positive(),
  /** Epoch ms. */
  receivedAt: z.number(),
});
export type KeptHook = z.infer<typeof KeptHook>;
