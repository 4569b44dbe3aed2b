import type { KubeObject } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import type { Change } from './change.ts';
import { refOf, subjectOf } from './object-id.ts';

/** Why a set of objects could not be applied, and what had been done by then. */
export class ApplyError extends Error {
  /** The condition's reason. */
  readonly code = 'ReconciliationFailed';
  /** What was written before the failure; empty when validation failed. */
  readonly changes: Change[];
  constructor(message: string, changes: Change[], cause: unknown) {
    super(message, { cause });
    this.name = 'ApplyError';
    this.changes = changes;
  }
}

/** One object that was refused. */
export class ObjectRefused extends Error {
  readonly code = 'ReconciliationFailed';
  readonly object: KubeObject;
  readonly phase: 'dry-run' | 'apply';
  constructor(object: KubeObject, phase: 'dry-run' | 'apply', cause: unknown) {
    super(refusal(object, phase, cause), { cause });
    this.name = 'ObjectRefused';
    this.object = object;
    this.phase = phase;
  }
}

function refusal(object: KubeObject, phase: 'dry-run' | 'apply', cause: unknown): string {
  const subject = subjectOf(refOf(object));
  const text = maskSecret(object, cause instanceof Error ? cause.message : String(cause));
  const hint = isImmutable(cause) && /immutable/i.test(text) ? immutableHint : '';
  if (phase === 'apply') return `${subject} apply failed: ${text}${hint}`;
  if (!(cause instanceof ApiError)) return `${subject} dry-run failed: ${text}`;
  if (cause.status === 404 && !/^no matches for kind/.test(text))
    return object.metadata.namespace ? `${subject} not found: ${text}` : `${subject} namespace not specified: ${text}`;
  const name = /^no matches for kind/.test(text) ? '' : reasonOf(cause);
  const reason = name ? ` (${name})` : '';
  return `${subject} dry-run failed${reason}: ${text}${hint}`;
}

const immutableHint =
  '; the field cannot be changed in place: annotate the object with kustomize.toolkit.fluxcd.io/force: enabled, or set spec.force, to have it deleted and created anew';

function reasonOf(error: ApiError): string {
  const causes = (error.details as { causes?: { reason?: string }[] } | undefined)?.causes ?? [];
  return causes.some(each => each.reason === 'FieldManagerConflict') ? 'FieldManagerConflict' : error.reason;
}

/** Errors that recreating the object may cure: conflicts, invalid changes, and what webhooks and CEL rules call immutable. */
export function isImmutable(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.status === 409 || error.status === 422 || /is\simmutable|immutable\sfield/.test(error.message);
}

/** The API server quotes offending values; those of a Secret go nowhere. */
export function maskSecret(object: KubeObject, text: string): string {
  if (object.apiVersion !== 'v1' || object.kind !== 'Secret') return text;
  const values = new Set<string>();
  for (const field of [object.data, object.stringData])
    for (const value of Object.values(field ?? {})) {
      const plain = typeof value === 'string' ? value : JSON.stringify(value);
      values.add(plain);
      values.add(Buffer.from(plain, 'base64').toString('utf8'));
    }
  let masked = text;
  // Longest first: a value may contain another one.
  for (const value of [...values].sort((a, b) => b.length - a.length))
    if (value.length > 0) masked = masked.replaceAll(value, '***');
  return masked;
}
