import type { Controller } from '../../reconcile/controller.ts';
import type { Outcome } from '../../reconcile/outcome.ts';

/**
 * Providers and Alerts are read when an event comes; there is nothing to do for them in between, and they have no status.
 * The kit still looks at them when they change: what is invalid or not built yet becomes an Event on the object.
 */
const looked = async (): Promise<Outcome> => ({ type: 'done', reason: 'Succeeded', message: '' });

export const providerController: Controller = { kind: 'Provider', transientConditions: [], reconcile: looked };
export const alertController: Controller = { kind: 'Alert', transientConditions: [], reconcile: looked };
