import * as z from 'zod';
import { DeleteOptions } from '../crud/delete.ts';
import type { WriteOptions } from '../crud/kernel.ts';
import { type ListOptions, wrongVersion } from '../crud/read.ts';
import type { WatchOptions } from '../crud/watch.ts';
import { badRequest, Fault, invalid } from '../faults.ts';

export function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === 'true' || value === '1' || value === '';
}

function count(query: URLSearchParams, name: string): number {
  const value = query.get(name);
  if (!value) return 0;
  if (!/^-?\d+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  return Math.max(0, Number(value));
}

function optional(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) || undefined;
}

/** dryRun may stand in the query or in DeleteOptions. */
export function dryRunOf(values: string[], kind: string): boolean {
  const wanted = values.filter(value => value !== '');
  for (const value of wanted)
    if (value !== 'All')
      throw invalid('meta.k8s.io', kind, '', [
        { type: 'FieldValueNotSupported', field: 'dryRun', value: wanted, detail: 'supported values: "All"' },
      ]);
  return wanted.length > 0;
}

const managerLimit = 128;

/** The options of POST, PUT and PATCH. Without a field manager the client's name stands in, as in `kubectl/v1.36`. */
export function writeOptions(query: URLSearchParams, userAgent: string | undefined, kind: string): WriteOptions {
  const validation = query.get('fieldValidation') || 'Warn';
  if (validation !== 'Strict' && validation !== 'Warn' && validation !== 'Ignore')
    throw invalid('meta.k8s.io', kind, '', [
      {
        type: 'FieldValueNotSupported',
        field: 'fieldValidation',
        value: validation,
        detail: 'supported values: "", "Ignore", "Strict", "Warn"',
      },
    ]);
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > managerLimit)
    throw invalid('meta.k8s.io', kind, '', [
      { type: 'FieldValueTooLong', field: 'fieldManager', detail: `may not be more than ${managerLimit} bytes` },
    ]);
  return {
    manager: manager || (userAgent ?? '').split('/')[0]!.slice(0, managerLimit) || 'unknown',
    dryRun: dryRunOf(query.getAll('dryRun'), kind),
    fieldValidation: validation,
    warnings: [],
  };
}

export function listOptions(query: URLSearchParams): ListOptions {
  return {
    labelSelector: optional(query, 'labelSelector'),
    fieldSelector: optional(query, 'fieldSelector'),
    limit: count(query, 'limit'),
    continue: optional(query, 'continue'),
    resourceVersion: optional(query, 'resourceVersion'),
    resourceVersionMatch: optional(query, 'resourceVersionMatch'),
  };
}

function forbiddenMatch(detail: string): Fault {
  return invalid('meta.k8s.io', 'ListOptions', '', [
    { type: 'FieldValueForbidden', field: 'resourceVersionMatch', detail },
  ]);
}

export function watchOptions(query: URLSearchParams): WatchOptions {
  const sendInitialEvents = isTrue(query, 'sendInitialEvents') && query.has('sendInitialEvents');
  const match = query.get('resourceVersionMatch') ?? '';
  if (query.has('sendInitialEvents') && match !== 'NotOlderThan')
    throw forbiddenMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (match && !query.has('sendInitialEvents'))
    throw forbiddenMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  const resourceVersion = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(resourceVersion)) throw new Fault(500, '', wrongVersion(resourceVersion));
  return {
    labelSelector: optional(query, 'labelSelector'),
    fieldSelector: optional(query, 'fieldSelector'),
    resourceVersion: optional(query, 'resourceVersion'),
    allowBookmarks: isTrue(query, 'allowWatchBookmarks') && query.has('allowWatchBookmarks'),
    sendInitialEvents,
    timeoutSeconds: count(query, 'timeoutSeconds') || undefined,
  };
}

/** DeleteOptions out of the body, or out of the query when there is no body. */
export function deleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  const fromQuery: Record<string, unknown> = {};
  if (query.has('gracePeriodSeconds')) fromQuery.gracePeriodSeconds = count(query, 'gracePeriodSeconds');
  if (query.has('propagationPolicy')) fromQuery.propagationPolicy = query.get('propagationPolicy');
  if (query.has('orphanDependents')) fromQuery.orphanDependents = isTrue(query, 'orphanDependents');
  if (query.has('dryRun')) fromQuery.dryRun = query.getAll('dryRun');
  const given = body ?? fromQuery;
  const parsed = DeleteOptions.safeParse(given);
  if (!parsed.success) throw badRequest(`the DeleteOptions are not valid: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
