import type { HookRequest } from './request.ts';
import { HookRejected } from './request.ts';

/** How a kind of sender proves who it is, and says what happened. One file each; the map is in receiver-types.ts. */
export interface ReceiverType {
  /** Headers it reads that hold no secret, in lower case: these are kept with a request that must wait for its cluster. */
  headers: string[];
  /** Headers it reads that hold a secret, in lower case: of these a salted digest is kept. */
  secretHeaders: string[];
  /** Throws HookRejected unless the sender knows the token, or when the event is not one of `events` (empty: all). */
  verify(request: HookRequest, token: Buffer, events: string[]): void;
}

/** As Flux: names are compared without regard to case; an empty list lets every event pass. */
export function requireEvent(sender: string, event: string, events: string[]): void {
  if (events.length === 0 || events.some(allowed => allowed.toLowerCase() === event.toLowerCase())) return;
  throw new HookRejected(
    `the ${sender} event ${JSON.stringify(event.slice(0, 100))} is not among the Receiver's events`,
  );
}
