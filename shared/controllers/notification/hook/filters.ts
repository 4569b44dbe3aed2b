import type { Receiver } from '../../../api/notification/receiver.ts';
import type { KubeObject } from '../../../api/object.ts';
import { compileExpression, type Expression } from '../../../cel/expression.ts';
import type { HookRequest } from './request.ts';

/** `spec.resourceFilter` and the `filter` of each resource, by the resource's place in the list. */
export interface Filters {
  all: Expression | undefined;
  of: (Expression | undefined)[];
}

/** The filters cannot be asked about this request: 500, as in Flux. */
export class FilterFailed extends Error {
  readonly code = 'FilterFailed';
  constructor(message: string) {
    super(message);
    this.name = 'FilterFailed';
  }
}

const variables = ['res', 'req'];

/** Compiles a Receiver's expressions. Throws a StalledError that names the field which is wrong. */
export function compileFilters({ spec }: Receiver): Filters {
  const compile = (text: string | undefined, field: string) =>
    text ? compileExpression(text, { field, variables }) : undefined;
  return {
    all: compile(spec.resourceFilter, 'spec.resourceFilter'),
    of: spec.resources.map(({ filter }, position) => compile(filter, `spec.resources[${position}].filter`)),
  };
}

/** The two stack: an object is reconciled when each that is given is true for it. */
export function passes(filters: Filters, position: number, object: KubeObject, req: unknown): boolean {
  const { apiVersion, kind, metadata } = object;
  // As in Flux an expression sees the metadata alone.
  const seen = { res: { apiVersion, kind, metadata }, req };
  return (filters.all?.(seen) ?? true) && (filters.of[position]?.(seen) ?? true);
}

export function isFiltered(filters: Filters, position: number): boolean {
  return filters.all !== undefined || filters.of[position] !== undefined;
}

/** The body, where the sender says that it is JSON; otherwise there is nothing to ask for. Throws FilterFailed. */
export function requestBody(request: HookRequest): unknown {
  const types = (request.header('content-type') ?? '').split(',').map(type => type.split(';')[0]?.trim().toLowerCase());
  if (!types.includes('application/json')) return {};
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    if (typeof body === 'object' && !Array.isArray(body)) return body ?? {};
  } catch {
    // Told below; the parser's words quote the body.
  }
  throw new FilterFailed('failed to parse request body as JSON: it has to be one object');
}
