import * as z from 'zod';
import { keyString } from '../api/object.ts';

/** What a message is about, as far as it says so in a way that is known: for log lines. */
export interface MessageSubject {
  /** Of a timer that of the message it carries. */
  type?: string;
  trace?: string;
  /** The key of the object, or of the one that an event is about. */
  object?: string;
}

const text = z.string().max(1000).optional().catch(undefined);
const named = { kind: text, namespace: text, name: text };
const about = {
  trace: text,
  cluster: text,
  involvedObject: z.object(named).optional().catch(undefined),
};
/** Nothing is required: it is read from messages that may be of another version, or of nobody. */
const Loose = z.object({
  type: text,
  ...named,
  ...about,
  /** Of a notification that is sent again. */
  event: z.object(about).optional().catch(undefined),
  /** Of a timer: the message whose time has come. */
  body: z.string().optional().catch(undefined),
});

/** Takes the body of a message of any queue, also one that no schema knows. Tells no more than names and ids. */
export function messageSubject(body: string): MessageSubject {
  return subjectOf(body, 0);
}

function subjectOf(body: string, depth: number): MessageSubject {
  const parsed = Loose.safeParse(parseBody(body));
  if (!parsed.success) return {};
  const { type, event, body: delayed } = parsed.data;
  if (type === undefined && delayed !== undefined && depth === 0) return subjectOf(delayed, 1);
  const trace = parsed.data.trace ?? event?.trace;
  const cluster = parsed.data.cluster ?? event?.cluster;
  const { kind, namespace, name } = parsed.data.involvedObject ?? event?.involvedObject ?? parsed.data;
  const object = cluster && kind && name ? keyString({ cluster, kind, namespace: namespace ?? '', name }) : undefined;
  return { ...(type && { type }), ...(trace && { trace }), ...(object && { object }) };
}

/** The body as JSON; undefined when it is none. */
export function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
