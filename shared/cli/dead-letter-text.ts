import { kindOf } from '../api/kinds.ts';
import { KeptHook, NotifyAgain } from '../controllers/notification/messages.ts';
import type { DeadLetter } from '../ports/dead-letters.ts';
import { ToolkitEvent } from '../reconcile/event.ts';
import { messageSubject } from '../reconcile/message-subject.ts';
import { WorkItem } from '../reconcile/work-item.ts';
import { oneLine } from './table.ts';

/** What a dead letter is, as far as it can be told. */
export interface LetterSummary {
  /** What it wants: reconcile, event, notification, webhook; unknown for what this version does not know. */
  kind: 'reconcile' | 'event' | 'notification' | 'webhook' | 'unknown';
  /** Key of the object that it is about. */
  object: string | undefined;
  trace: string | undefined;
  why: string;
}

/** Says what a letter is about, and why it lies there. */
export function summarize({ queue, body }: DeadLetter): LetterSummary {
  const parsed = parse(body);
  const { object, trace } = messageSubject(body);
  const about = { object: object && oneLine(object, 200), trace: trace && oneLine(trace, 100) };
  if (queue !== 'timer') return { ...about, ...kindAndReason(parsed) };
  const carried = delayed(parsed);
  const { kind } = kindAndReason(carried);
  const why = carried === undefined ? notUnderstood : 'it could not be forwarded when its time had come';
  return { ...about, kind, why };
}

const notUnderstood = 'nobody understands it: it may come from another version';

function kindAndReason(message: unknown): Pick<LetterSummary, 'kind' | 'why'> {
  const item = WorkItem.safeParse(message);
  if (item.success) {
    const { kind, cluster } = item.data;
    return {
      kind: 'reconcile',
      why: kindOf(kind)
        ? `its worker failed three times, and the object could not be told yet: does the cluster "${oneLine(cluster, 63)}" answer?`
        : `no controller here reconciles the kind "${oneLine(kind, 63)}"`,
    };
  }
  if (ToolkitEvent.safeParse(message).success) return { kind: 'event', why: failedThrice };
  if (NotifyAgain.safeParse(message).success) return { kind: 'notification', why: failedThrice };
  if (KeptHook.safeParse(message).success) return { kind: 'webhook', why: failedThrice };
  return { kind: 'unknown', why: notUnderstood };
}

const failedThrice = 'its worker failed three times';

/** Longest value that is shown, and most lines; characters. */
const longest = 500;
const mostLines = 100;

/** The body for a terminal: indented, bounded, and without what might help somebody to a secret. */
export function bodyLines({ queue, body }: DeadLetter): string[] {
  const parsed = parse(body);
  // What nobody understands may hold anything.
  if (parsed === undefined) return [oneLine(body, longest)];
  const carried = queue === 'timer' ? delayed(parsed) : undefined;
  const whole = carried === undefined ? parsed : { ...(parsed as object), body: carried };
  const lines = JSON.stringify(whole, concealed, 2).split('\n');
  const shown = lines.slice(0, mostLines).map(line => oneLineKept(line));
  return lines.length > mostLines ? [...shown, `… (${lines.length - mostLines} more lines)`] : shown;
}

/** Names of fields whose values stay hidden; the path of a webhook is as good as a password. */
const hiding = /token|secret|passw|authorization|cookie|credential|signature|^digests$|^path$/i;

function concealed(name: string, value: unknown): unknown {
  if (hiding.test(name)) return '(hidden)';
  if (typeof value === 'string' && value.length > longest) return `${value.slice(0, longest)}…`;
  return value;
}

/** As oneLine, with the indentation: JSON has escaped the other control characters but these. */
function oneLineKept(line: string): string {
  const indent = /^ */.exec(line)![0];
  return indent + oneLine(line, 2 * longest);
}

/** The message that a timer carries. */
function delayed(timer: unknown): unknown {
  const body = typeof timer === 'object' && timer !== null && 'body' in timer ? timer.body : undefined;
  return typeof body === 'string' ? parse(body) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
