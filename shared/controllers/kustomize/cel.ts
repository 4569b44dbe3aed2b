import { Environment } from '@marcbachmann/cel-js';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import { groupOf, type KubeObject } from '../../api/object.ts';
import type { Health } from '../../kube/health.ts';
import { StalledError } from '../../reconcile/errors.ts';

/** An expression that compiled, but could not be evaluated. */
export class ExpressionError extends Error {
  readonly code = 'InvalidCELExpression';
  constructor(message: string) {
    super(message);
    this.name = 'ExpressionError';
  }
}

/** Says true or false of objects; throws an ExpressionError when it cannot (a field that is not there), or says neither. */
export type Expression = (variables: Record<string, unknown>) => boolean;

const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
/** Expressions come from tenants; none needs more. */
const maxLength = 10_000;

/** Compiles a CEL expression. Throws a StalledError that names `field`. */
export function compileExpression(text: string, field: string): Expression {
  const refuse = (why: string, cause?: unknown) =>
    new StalledError(
      'InvalidCELExpression',
      `Reconciliation failed terminally due to configuration error: ${field}: ${why}`,
      { cause },
    );
  if (text.length > maxLength) throw refuse(`the expression is longer than ${maxLength} characters`);
  // Evaluated by the machine's own regular expressions, which a hostile pattern can keep busy for ever.
  if (/\bmatches\s*\(/.test(text)) throw refuse('matches() is not supported; use contains, startsWith or endsWith');
  let program: (variables: Record<string, unknown>) => unknown;
  try {
    program = environment.parse(text) as unknown as typeof program;
  } catch (error) {
    throw refuse(firstLine(error));
  }
  return variables => {
    let result: unknown;
    try {
      result = program(toCel(variables) as Record<string, unknown>);
    } catch (error) {
      throw new ExpressionError(`${field}: ${firstLine(error)}`);
    }
    if (typeof result !== 'boolean') throw new ExpressionError(`${field}: the expression gives no boolean`);
    return result;
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** JSON as CEL sees it: whole numbers are integers. */
function toCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
}

/**
 * `spec.healthCheckExprs`, for the health check: decides about the kinds that are named there, and leaves the others alone.
 * Undefined when nothing is named. As in Flux an object that has not observed its generation is in progress, then the
 * first of inProgress, failed and current that is true decides, and none means in progress.
 */
export function healthEvaluator(
  expressions: Kustomization['spec']['healthCheckExprs'],
): ((object: KubeObject) => Health | undefined) | undefined {
  if (!expressions?.length) return undefined;
  const rules = expressions.map((rule, position) => {
    const compiled = (name: 'current' | 'inProgress' | 'failed') => {
      const text = rule[name];
      return text ? compileExpression(text, `spec.healthCheckExprs[${position}].${name}`) : undefined;
    };
    const { kind, apiVersion } = rule;
    const group = groupOf(apiVersion);
    return {
      kind,
      group,
      current: compiled('current'),
      inProgress: compiled('inProgress'),
      failed: compiled('failed'),
    };
  });
  return object => {
    const ofGroup = rules.filter(rule => rule.group === groupOf(object.apiVersion));
    const rule = ofGroup.find(({ kind }) => kind === object.kind) ?? ofGroup.find(({ kind }) => !kind);
    if (!rule) return undefined;
    const observed: unknown = object.status?.observedGeneration;
    const { generation } = object.metadata;
    if (Number.isInteger(observed) && generation !== undefined && observed !== generation)
      return { status: 'InProgress', message: 'the generation is not observed yet' };
    try {
      const variables = { ...object };
      if (rule.inProgress?.(variables)) return { status: 'InProgress', message: 'inProgress is true' };
      if (rule.failed?.(variables)) return { status: 'Failed', message: 'failed is true' };
      if (rule.current?.(variables)) return { status: 'Current', message: 'current is true' };
    } catch (error) {
      // A field that is not there yet, most often.
      return { status: 'Unknown', message: firstLine(error) };
    }
    return { status: 'InProgress', message: 'no expression is true' };
  };
}
