import { RE2JS } from 're2js';

/** Longer expressions are refused: an Alert's filters are a few words. */
const maxLength = 1_000;

/** The reason why an expression is not one, in Go's words. */
export class InvalidExpression extends Error {
  readonly code = 'InvalidConfig';
  readonly expression: string;
  constructor(expression: string, message: string) {
    super(message);
    this.name = 'InvalidExpression';
    this.expression = expression;
  }
}

const compiled = new Map<string, RE2JS | InvalidExpression>();

/**
 * Whether one of the Go regular expressions is found in `message`; `invalid` are those that are none. RE2 itself, not a
 * translation to JavaScript's: what Flux takes is taken, and no expression takes more than linear time.
 */
export function matchesAny(expressions: string[], message: string): { matches: boolean; invalid: InvalidExpression[] } {
  const invalid: InvalidExpression[] = [];
  for (const expression of expressions) {
    const filter = compile(expression);
    if (filter instanceof InvalidExpression) invalid.push(filter);
    else if (filter.matcher(message).find()) return { matches: true, invalid };
  }
  return { matches: false, invalid };
}

function compile(expression: string): RE2JS | InvalidExpression {
  let filter = compiled.get(expression);
  if (!filter) {
    if (compiled.size >= 500) compiled.clear();
    filter = compileNow(expression);
    compiled.set(expression, filter);
  }
  return filter;
}

function compileNow(expression: string): RE2JS | InvalidExpression {
  if (expression.length > maxLength)
    return new InvalidExpression(
      expression.slice(0, 100),
      `the expression has ${expression.length} characters; at most ${maxLength} are taken`,
    );
  try {
    return RE2JS.compile(expression);
  } catch (error) {
    return new InvalidExpression(expression, error instanceof Error ? error.message : String(error));
  }
}
