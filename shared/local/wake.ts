import { EventEmitter } from 'node:events';
import { isMainThread, parentPort } from 'node:worker_threads';

/**
 * "There is something in this queue": lets the host's pollers sleep instead of asking. Only a hint; a lost one (or a
 * message sent by another process) is found by the pollers' slow fallback.
 */
export interface WakeMessage {
  type: 'wake';
  queues: string[];
}

const listeners = new EventEmitter();

/** Tells the pollers of this process, from whichever of its threads, that the queues have messages. */
export function announce(queues: string[]): void {
  if (isMainThread) listeners.emit('wake', queues);
  else parentPort?.postMessage({ type: 'wake', queues } satisfies WakeMessage);
}

/** Calls `listener` for every announcement made in, or relayed to, this thread; returns how to stop. */
export function onWake(listener: (queues: string[]) => void): () => void {
  listeners.on('wake', listener);
  return () => listeners.off('wake', listener);
}
