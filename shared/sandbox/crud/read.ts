import type { KubeObject } from '../../api/object.ts';
import { badRequest, expired, Fault, invalid } from '../faults.ts';
import { type FieldTerm, parseFieldSelector, parseLabelSelector } from '../selectors.ts';
import type { Entry } from '../store/collection.ts';
import type { Kernel, Target } from './kernel.ts';
import { inVersion } from './write.ts';

/** What a list, a watch or a deletecollection is about. */
export interface Selection {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection {
  limit: number;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: string | undefined;
}

export interface Page {
  entries: Entry[];
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Whether an object (in the storage version) is selected. */
export type Matcher = (entry: Entry) => boolean;

export function matcher(target: Target, selection: Selection): Matcher {
  const labels = parseLabelSelector(selection.labelSelector);
  const terms = parseFieldSelector(selection.fieldSelector);
  for (const term of terms) checkTerm(target, term);
  const hasLabels = Boolean(selection.labelSelector);
  return entry => {
    if (target.namespace && entry.namespace !== target.namespace) return false;
    if (hasLabels && !labels(entry.object.metadata.labels)) return false;
    return terms.every(term => (fieldValue(target, entry, term.path) === term.value) === term.equal);
  };
}

function checkTerm(target: Target, term: FieldTerm): void {
  const { path } = term;
  if (path === 'metadata.name' || path === 'metadata.namespace') return;
  if (target.version.selectableFields.includes(path)) return;
  if (target.definition.builtin && target.version.selectableFields.length === 0)
    throw badRequest(`"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
  throw badRequest(`field label not supported: ${path}`);
}

function fieldValue(target: Target, entry: Entry, path: string): string {
  if (path === 'metadata.name') return entry.name;
  if (path === 'metadata.namespace') return entry.namespace;
  const object = inVersion(target, entry);
  if (object.kind === 'Event' && path === 'source') return object.source?.component || object.reportingComponent || '';
  let value: unknown = object;
  for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined | null)?.[part];
  if (value === undefined || value === null)
    return ['spec.unschedulable', 'spec.hostNetwork'].includes(path) ? 'false' : '';
  return String(value);
}

/** GET of a collection. */
export function listObjects(kernel: Kernel, target: Target, options: ListOptions): Page {
  const collection = kernel.store.collection(target.definition.storageKey);
  const matches = matcher(target, options);
  const token = options.continue ? parseToken(options.continue) : undefined;
  const revision = token?.rv ?? requestedRevision(kernel, options);
  const namespace = target.definition.namespaced && target.namespace ? target.namespace : undefined;
  let source: Iterable<Entry>;
  if (revision === undefined) source = candidates(kernel, target, options) ?? collection.entries(namespace);
  else {
    const then = collection.at(revision, namespace, token?.start);
    if (!then) throw expired(tokenMessage(token !== undefined));
    source = then;
  }
  const found = page(source, matches, options.limit, String(revision ?? kernel.store.revision));
  // Behind a selector nobody counts.
  if (options.labelSelector || options.fieldSelector) delete found.remainingItemCount;
  return found;
}

function tokenMessage(continued: boolean): string {
  return continued
    ? 'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.'
    : 'The resourceVersion for the provided list is too old.';
}

/** What a list needs to look at, when its selectors spare it the scan. */
function candidates(kernel: Kernel, target: Target, options: ListOptions): Entry[] | undefined {
  const { equalities } = parseLabelSelector(options.labelSelector);
  if (equalities.length === 0) return named(kernel, target, options);
  const namespace = target.definition.namespaced && target.namespace ? target.namespace : undefined;
  return kernel.store.collection(target.definition.storageKey).labelled(equalities, namespace);
}

/** `metadata.name=x` needs no scan. */
function named(kernel: Kernel, target: Target, options: ListOptions): Entry[] | undefined {
  const match = /^metadata\.name=([^,=!]+)$/.exec(options.fieldSelector ?? '');
  if (!match || (target.definition.namespaced && !target.namespace)) return undefined;
  const entry = kernel.store.get(target.definition.storageKey, target.namespace, match[1]!);
  return entry ? [entry] : [];
}

function page(source: Iterable<Entry>, matches: Matcher, limit: number, resourceVersion: string): Page {
  const entries: Entry[] = [];
  let remaining = 0;
  for (const entry of source) {
    if (!matches(entry)) continue;
    if (limit === 0 || entries.length < limit) entries.push(entry);
    else remaining++;
  }
  if (remaining === 0) return { entries, resourceVersion };
  const last = entries.at(-1)!;
  const token = { v: 'meta.k8s.io/v1', rv: Number(resourceVersion), start: `${last.namespace}/${last.name}` };
  return {
    entries,
    resourceVersion,
    continue: Buffer.from(JSON.stringify(token)).toString('base64url'),
    remainingItemCount: remaining,
  };
}

function parseToken(text: string): { rv: number; start: string } {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as { rv: number; start: string };
    if (typeof token.rv === 'number' && typeof token.start === 'string') return token;
  } catch {
    // Answered below.
  }
  throw badRequest('invalid continue token: continue key is not valid');
}

/** The revision of an exact list; undefined for the present, which satisfies everything else. */
function requestedRevision(kernel: Kernel, options: ListOptions): number | undefined {
  const { resourceVersion, resourceVersionMatch } = options;
  checkMatch(resourceVersionMatch, resourceVersion);
  if (!resourceVersion) return undefined;
  const revision = parseRevision(resourceVersion);
  if (revision > kernel.store.revision) throw tooLargeRevision(resourceVersion, kernel.store.revision);
  const exact = resourceVersionMatch === 'Exact' || (!resourceVersionMatch && options.limit > 0 && revision > 0);
  return exact ? revision : undefined;
}

function checkMatch(match: string | undefined, resourceVersion: string | undefined): void {
  const field = 'resourceVersionMatch';
  if (!match) return;
  if (!resourceVersion)
    throw invalid('meta.k8s.io', 'ListOptions', '', [
      { type: 'FieldValueForbidden', field, detail: `${field} is forbidden unless resourceVersion is provided` },
    ]);
  if (match === 'Exact' && resourceVersion === '0')
    throw invalid('meta.k8s.io', 'ListOptions', '', [
      { type: 'FieldValueForbidden', field, detail: `${field} "exact" is forbidden for resourceVersion "0"` },
    ]);
  if (match !== 'Exact' && match !== 'NotOlderThan')
    throw invalid('meta.k8s.io', 'ListOptions', '', [
      {
        type: 'FieldValueNotSupported',
        field,
        value: match,
        detail: 'supported values: "Exact", "NotOlderThan", ""',
      },
    ]);
}

export function wrongVersion(text: string): string {
  const quoted = JSON.stringify(text);
  return `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`;
}

export function parseRevision(text: string): number {
  if (!/^\d+$/.test(text)) throw badRequest(`invalid resource version: ${wrongVersion(text)}`);
  return Number(text);
}

/** The client has seen a state that this server has not; it may ask again. */
export function tooLargeRevision(wanted: string, current: number): Fault {
  const message = `Timeout: Too large resource version: ${wanted}, current: ${current}`;
  return new Fault(504, 'Timeout', message, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** An object's text in the target's version; the stored text itself where that is the storage version. */
export function textOf(target: Target, entry: Entry): string {
  const shown: KubeObject = inVersion(target, entry);
  return shown === entry.object ? entry.json : JSON.stringify(shown);
}
