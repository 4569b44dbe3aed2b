import * as z from 'zod';
import type { ObjectMeta } from './object.ts';

/** Building blocks of the kinds' schemas: what several kinds share, and what JSON Schema has no word for. */

/** A string field with its description. */
export const text = (description: string) => z.string().describe(description);

/** A switch. */
export const flag = (description: string) => z.boolean().describe(description);

/** Go durations with hours, as intervals use them: `1h30m`. */
export const interval = (description: string) => durationWith('ms|s|m|h', description);

/** Go durations without hours, as time-outs of single calls use them: `60s`. */
export const shortDuration = (description: string) => durationWith('ms|s|m', description);

function durationWith(units: string, description: string) {
  return z
    .string()
    .regex(new RegExp(`^([0-9]+(\\.[0-9]+)?(${units}))+$`))
    .describe(description);
}

/** An int64 of the Kubernetes API. */
export const int64 = (description: string) => z.int().meta({ description, format: 'int64' });

/** A time as the Kubernetes API writes it (RFC 3339). */
export const time = (description: string) => z.string().meta({ description, format: 'date-time' });

/** Keys and values that are strings: labels, annotations, data. */
export const stringMap = (description: string) => z.record(z.string(), z.string()).describe(description);

/** A reference to an object of the same namespace, by name. */
export const localRef = (description: string) =>
  z.object({ name: text('Name of the object, in the same namespace.') }).describe(description);

/** A CEL rule of the CRD and the same rule for those who validate without an API server. */
export interface Rule<T> {
  rule: string;
  message: string;
  check: (value: T) => boolean;
}

/** Adds rules to an object's schema: as x-kubernetes-validations of the CRD, and as refinements. */
export function withRules<T extends z.ZodObject>(schema: T, rules: Rule<z.output<T>>[]): T {
  let refined: T = schema;
  for (const { check, message } of rules) refined = refined.refine(value => check(value as z.output<T>), { message });
  return refined.meta({ 'x-kubernetes-validations': rules.map(({ rule, message }) => ({ rule, message })) });
}

/** A list that server-side apply merges by keys. */
export const mapList = <T extends z.ZodType>(items: T, keys: string[], description: string) =>
  z.array(items).meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });

/** ObjectMeta: the API server has checked it, so only what the code relies on is looked at; the rest is kept. */
export const metadata = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
}) as unknown as z.ZodType<ObjectMeta>;

/** metav1.Condition. */
export const condition = z
  .object({
    type: z
      .string()
      .max(316)
      .regex(
        /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/,
      )
      .describe('What the condition is about, in CamelCase, optionally with a domain before it.'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether the condition holds.'),
    reason: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
      .describe('Why it was set, as one word for programs.'),
    message: z.string().max(32768).describe('Why it was set, as a sentence for people; may be empty.'),
    observedGeneration: int64('The metadata.generation that was looked at when the condition was set.')
      .min(0)
      .optional(),
    lastTransitionTime: time('When the status last changed.'),
  })
  .describe('One aspect of the state of the object.');

export const conditions = (description: string) => z.array(condition).describe(description).optional();

export const lastHandledReconcileAt = text(
  'The last value of the annotation reconcile.fluxcd.io/requestedAt that was acted upon.',
).optional();

export const observedGeneration = int64('The metadata.generation that was last reconciled.').optional();

/** The whole object: apiVersion and kind as strings, since older versions of a kind parse too. */
export function kubeObject<S extends z.ZodType, T extends z.ZodType>(spec: S, status: T) {
  return z.object({ apiVersion: z.string(), kind: z.string(), metadata, spec, status });
}
