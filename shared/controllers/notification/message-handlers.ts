import type { Ports } from '../../ports/ports.ts';
import { ToolkitEvent } from '../../reconcile/event.ts';
import type { MessageHandler } from '../../reconcile/worker.ts';
import { dispatchAgain, dispatchEvent } from './event/dispatch.ts';
import type { DeliveryOptions } from './hook/deliver.ts';
import { retryHook } from './hook/receive.ts';
import { KeptHook, NotifyAgain } from './messages.ts';

/** What functions/notification does with messages that are not work items, by their `type`. */
export function messageHandlers(options: DeliveryOptions): Record<string, MessageHandler> {
  return {
    event: (body, { ports, deadline, redelivered }) =>
      dispatchEvent(ToolkitEvent.parse(body), redelivered, ports, { ...options, timeLeft: timeLeft(deadline, ports) }),
    notify: (body, { ports, deadline }) =>
      dispatchAgain(NotifyAgain.parse(body), ports, { ...options, timeLeft: timeLeft(deadline, ports) }),
    hook: async (body, { ports }) => {
      await retryHook(KeptHook.parse(body), ports, options);
    },
  };
}

/** Time kept back for putting on a timer what could not be done. */
const reserveMs = 5_000;

function timeLeft(deadline: number, ports: Ports): number {
  return Math.max(1_000, deadline - reserveMs - ports.clock.now());
}
