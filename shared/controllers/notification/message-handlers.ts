import { ToolkitEvent } from '../../reconcile/event.ts';
import type { MessageHandler } from '../../reconcile/worker.ts';
import { dispatchAgain, dispatchEvent } from './event/dispatch.ts';
import type { DeliveryOptions } from './hook/deliver.ts';
import { retryHook } from './hook/receive.ts';
import { KeptHook, NotifyAgain } from './messages.ts';

/** What functions/notification does with messages that are not work items, by their `type`. */
export function messageHandlers(options: DeliveryOptions): Record<string, MessageHandler> {
  const until = (deadline: number, now: number) => AbortSignal.timeout(Math.max(1, deadline - now));
  return {
    event: (body, { ports, deadline, redelivered }) =>
      dispatchEvent(ToolkitEvent.parse(body), redelivered, ports, {
        ...options,
        signal: until(deadline, ports.clock.now()),
      }),
    notify: (body, { ports, deadline }) =>
      dispatchAgain(NotifyAgain.parse(body), ports, { ...options, signal: until(deadline, ports.clock.now()) }),
    hook: async (body, { ports }) => {
      await retryHook(KeptHook.parse(body), ports, options);
    },
  };
}
