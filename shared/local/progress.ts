import { ToolkitEvent } from '../reconcile/event.ts';
import type { LogLine } from '../reconcile/log-lines.ts';
import { WorkItem } from '../reconcile/work-item.ts';
import type { Push } from './demo.ts';
import type { Observation } from './host.ts';

/** One step on the way of a change from Git to the chat. */
export interface Step {
  /** Milliseconds since the change became known. */
  after: number;
  name: 'pushed' | 'received' | 'fetched' | 'built' | 'applied' | 'healthy' | 'announced' | 'failed' | 'given up';
  /** What it is about. */
  what: string;
}

/** How many traces are remembered. */
const remembered = 500;

/**
 * Makes steps of what the host sees go by: webhooks, work items, Events, log lines. All of one change carry one trace; the
 * first of them, or the push itself, is its beginning.
 */
export class Progress {
  readonly #tell: (step: Step) => void;
  readonly #begun = new Map<string, number>();
  #push: Push | undefined;

  constructor(tell: (step: Step) => void) {
    this.#tell = tell;
  }

  pushed(push: Push): void {
    this.#push = push;
    this.#tell({ after: 0, name: 'pushed', what: `${push.branch} ${push.commit.slice(0, 7)}` });
  }

  observe(seen: Observation): void {
    if (seen.type === 'webhook') this.#webhook(seen);
    else if (seen.type === 'started') this.#message(seen.message.queue, seen.message.body, seen.at);
    else if (seen.type === 'log') this.#log(seen.line);
  }

  #webhook({ at, milliseconds, status, trace }: Extract<Observation, { type: 'webhook' }>): void {
    if (!trace) return;
    const begun = this.#push && at - this.#push.at < 2000 ? this.#push.at : at;
    this.#begun.set(trace, begun);
    this.#step(trace, 'received', `webhook answered ${status}`, at + milliseconds);
  }

  #message(queue: string, body: string, at: number): void {
    const message = parse(body);
    const type = (message as { type?: unknown } | null | undefined)?.type;
    // Only what it says it is: this looks at every message of every queue.
    const item = type === 'reconcile' ? WorkItem.safeParse(message) : undefined;
    if (item?.success) this.#begin(item.data.trace, item.data.sentAt);
    const event = type === 'event' && queue === 'notification' ? ToolkitEvent.safeParse(message) : undefined;
    if (event?.success) this.#event(event.data, at);
  }

  #event(event: ToolkitEvent, at: number): void {
    const { kind, namespace, name } = event.involvedObject;
    const what = `${kind} ${namespace}/${name}`;
    const revision = short(revisionOf(event.metadata));
    const text = [what, revision].filter(Boolean).join('  ');
    if (event.severity === 'error') this.#step(event.trace, 'failed', `${what}: ${firstLine(event.message)}`, at);
    else if (event.reason === 'NewArtifact') this.#step(event.trace, 'fetched', text, at);
    else if (event.reason === 'Progressing' && /^Health check passed/.test(event.message))
      this.#step(event.trace, 'healthy', text, at);
  }

  /** Told of the lines of `toldLines`. */
  #log(line: LogLine): void {
    const trace = typeof line.trace === 'string' ? line.trace : undefined;
    if (!trace || !this.#begun.has(trace)) return;
    const at = Date.parse(line.time);
    if (line.message === 'built') this.#step(trace, 'built', objectOf(line), at);
    if (line.message === 'applied') {
      const what = [objectOf(line), short(String(line.revision ?? '')), String(line.changes ?? '')];
      this.#step(trace, 'applied', what.filter(Boolean).join('  '), at);
    }
    if (line.message === 'notification sent')
      this.#step(trace, 'announced', `${line.reason ?? ''} by ${line.provider ?? ''}`, at);
    if (line.message === 'a reconcile failed too often and was given up')
      this.#step(trace, 'given up', objectOf(line), at);
  }

  #begin(trace: string, at: number): void {
    if (this.#begun.has(trace)) return;
    this.#begun.set(trace, at);
    if (this.#begun.size > remembered) this.#begun.delete(this.#begun.keys().next().value!);
  }

  #step(trace: string, name: Step['name'], what: string, at: number): void {
    this.#begin(trace, at);
    this.#tell({ after: Math.max(0, at - this.#begun.get(trace)!), name, what });
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function revisionOf(metadata: Record<string, string>): string {
  return Object.entries(metadata).find(([key]) => key === 'revision' || key.endsWith('/revision'))?.[1] ?? '';
}

/** main@sha1:1a2b3c4 */
function short(revision: string): string {
  return revision.replace(/(sha\d+:[0-9a-f]{7})[0-9a-f]+/, '$1');
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 200);
}

/** `cluster/Kind/namespace/name` as `Kind namespace/name`. */
function objectOf(line: LogLine): string {
  const [, kind, namespace, name] = String(line.object ?? '').split('/');
  return name ? `${kind} ${namespace}/${name}` : String(line.object ?? '');
}
