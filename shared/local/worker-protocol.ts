import type { LogLine } from '../reconcile/log-lines.ts';
import type { WakeMessage } from './wake.ts';

/** What the host says to a thread. */
export type ToWorker =
  | { type: 'invoke'; id: number; function: string; module: string; event: unknown; deadline: number }
  | { type: 'stream'; id: number; function: string; module: string; event: unknown; deadline: number }
  /** The reader has taken a piece of a streamed response; the next may come. */
  | { type: 'more'; id: number }
  /** The reader of a streamed response is gone. */
  | { type: 'abort'; id: number }
  | { type: 'warm'; modules: string[] };

/** What a thread says to the host. */
export type FromWorker =
  | { type: 'result'; id: number; value: unknown }
  | { type: 'failure'; id: number; error: { name: string; message: string; stack?: string } }
  | { type: 'head'; id: number; statusCode: number; headers: Record<string, string> }
  | { type: 'chunk'; id: number; bytes: Uint8Array }
  | { type: 'end'; id: number }
  | { type: 'log'; line: LogLine }
  | WakeMessage;

/** The log lines that threads tell the host of, by message: those that progress is shown by. The others only go to the file. */
export const toldLines: ReadonlySet<string> = new Set([
  'built',
  'applied',
  'notification sent',
  'a reconcile failed too often and was given up',
]);
