import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import { StalledError } from '../reconcile/errors.ts';
import { environmentOf, withinTime } from './environment.ts';
import { rewrite } from './rewrite.ts';

/** An expression that compiled, but could not be evaluated. */
export class ExpressionError extends Error {
  readonly code = 'InvalidCELExpression';
  constructor(message: string) {
    super(message);
    this.name = 'ExpressionError';
  }
}

/** Says true or false of objects; throws an ExpressionError when it cannot (a field that is not there). */
export type Expression = (variables: Record<string, unknown>) => boolean;

/** Expressions come from tenants; none needs more. */
const maxLength = 10_000;

export interface CompileOptions {
  /** Path of the field in the object, for the message. */
  field: string;
  /**
   * The variables there are. With them the types are checked, too, and what does not say true or false is refused, as
   * Flux does where it knows the variables. Without them any name is one.
   */
  variables?: readonly string[];
}

/** Compiles a CEL expression. Throws a StalledError that names the field and quotes the expression. */
export function compileExpression(text: string, { field, variables }: CompileOptions): Expression {
  const refuse = (why: string, cause?: unknown) =>
    new StalledError(
      'InvalidCELExpression',
      `Reconciliation failed terminally due to configuration error: ${field}: ${why}`,
      { cause },
    );
  if (text.length > maxLength) throw refuse(`the CEL expression is longer than ${maxLength} characters`);
  let program: ParseResult;
  try {
    const environment = environmentOf(variables);
    program = environment.parse(rewrite(text, environment.parse(text).ast as ASTNode));
    if (variables) requireBoolean(program);
  } catch (error) {
    throw refuse(`failed to parse the CEL expression '${text}': ${firstLine(error)}`, error);
  }
  return values => {
    let result: unknown;
    try {
      result = withinTime(() => program(toCel(values) as Record<string, unknown>));
    } catch (error) {
      throw new ExpressionError(`failed to evaluate the CEL expression '${text}': ${firstLine(error)}`);
    }
    if (typeof result !== 'boolean')
      throw new ExpressionError(`failed to evaluate CEL expression as boolean: '${text}'`);
    return result;
  };
}

function requireBoolean(program: ParseResult): void {
  const { valid, type, error } = program.check();
  if (!valid) throw error ?? new Error('its types do not fit');
  if (type !== 'bool') throw new Error(`CEL expression output type mismatch: expected bool, got ${type}`);
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
