import { applyOperator } from './envsubst-operators.ts';
import { SubstitutionError } from './substitution-error.ts';

export { SubstitutionError } from './substitution-error.ts';

/**
 * The variable syntax of Flux's post build: `${var}`, with the operators of bash that Flux knows. `$$` stands for a
 * dollar sign, so `$${var}` comes out as `${var}`; `$var` without braces is left alone.
 */

type Node = string | Expression;

interface Expression {
  name: string;
  operator: string;
  /** Each argument is a text or one nested expression. */
  args: Node[];
}

export interface EvaluateOptions {
  /** Fail for a variable that has no value and no default, rather than put nothing in its place. */
  strict?: boolean;
}

/** Replaces the variables of a text by their values. */
export function evaluate(text: string, variables: ReadonlyMap<string, string>, options: EvaluateOptions = {}): string {
  const nodes = new Parser(text).parse();
  return nodes.map(node => resolve(node, variables, options.strict ?? false)).join('');
}

/** Operators that have their own answer for a variable without a value. */
const defaulting = new Set(['-', '+', '=', '?', ':-', ':+', ':=', ':?']);

function resolve(node: Node, variables: ReadonlyMap<string, string>, strict: boolean): string {
  if (typeof node === 'string') return node;
  const args = node.args.map(arg => resolve(arg, variables, strict));
  const value = variables.get(node.name);
  if (value === undefined && strict && !defaulting.has(node.operator))
    throw new SubstitutionError(`variable not set (strict mode): "${node.name}"`);
  return applyOperator(node.operator, value ?? '', args);
}

class Parser {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node[] {
    const nodes: Node[] = [];
    while (this.#position < this.#text.length) nodes.push(this.#atExpression() ? this.#expression() : this.#literal());
    return nodes;
  }

  #literal(): string {
    let literal = '';
    while (this.#position < this.#text.length && !this.#atExpression()) {
      if (this.#text.startsWith('$$', this.#position)) this.#position++;
      literal += this.#text[this.#position++];
    }
    return literal;
  }

  #atExpression(): boolean {
    return this.#text.startsWith('${', this.#position);
  }

  #expression(): Expression {
    const start = this.#position;
    this.#position += 2;
    if (this.#peek() === '#') return this.#length(start);
    const name = this.#identifier();
    if (!name) throw this.#fail(start, 'unable to parse variable name');
    switch (this.#peek()) {
      case ':':
        return '=-?+'.includes(this.#peek(1) || ' ') ? this.#default(name, start) : this.#substring(name, start);
      case '=':
        return this.#default(name, start);
      case ',':
      case '^':
        return this.#close({ name, operator: this.#operator(/[,^]{1,2}/y), args: [] }, start);
      case '/':
        return this.#replacement(name, start);
      case '#':
        return this.#removal(name, /#{1,2}/y, start);
      case '%':
        return this.#removal(name, /%{1,2}/y, start);
      case '}':
        return this.#close({ name, operator: '', args: [] }, start);
      default:
        throw this.#fail(start, 'missing closing brace');
    }
  }

  /** `${#name}` */
  #length(start: number): Expression {
    this.#position++;
    const name = this.#identifier();
    if (!name) throw this.#fail(start, 'bad substitution');
    return this.#close({ name, operator: '#', args: [] }, start);
  }

  /** `${name:=default}` and its relatives; the default may hold expressions. */
  #default(name: string, start: number): Expression {
    const operator = this.#operator(/:?[=\-?+]/y);
    const args: Node[] = [];
    while (this.#peek() !== '}') args.push(this.#argument(/[^}]/u, false, start));
    return this.#close({ name, operator, args }, start);
  }

  /** `${name:position}` and `${name:position:length}` */
  #substring(name: string, start: number): Expression {
    this.#position++;
    const args = [this.#argument(/[^:}]/u, false, start)];
    if (this.#peek() === ':') {
      this.#operator(/:+/y);
      args.push(this.#argument(/[^}]/u, false, start));
    }
    return this.#close({ name, operator: ':', args }, start);
  }

  /** `${name#pattern}`, `##`, `%` and `%%` */
  #removal(name: string, operatorPattern: RegExp, start: number): Expression {
    const operator = this.#operator(operatorPattern);
    return this.#close({ name, operator, args: [this.#argument(/[^}]/u, false, start)] }, start);
  }

  /** `${name/pattern/replacement}`, with `//`, `/#` and `/%` */
  #replacement(name: string, start: number): Expression {
    const operator = this.#operator(/\/[/#%]?/y);
    const args = [this.#argument(/[^/]/u, true, start)];
    if (!this.#operator(/\/+/y)) throw this.#fail(start, 'bad substitution');
    if (this.#peek() !== '}') args.push(this.#argument(/[^}]/u, true, start));
    return this.#close({ name, operator, args }, start);
  }

  /** A nested expression, or text of at least one character up to what is not accepted. */
  #argument(accepted: RegExp, escapes: boolean, start: number): Node {
    if (this.#atExpression()) return this.#expression();
    let text = '';
    while (this.#position < this.#text.length && !this.#atExpression()) {
      if (escapes && this.#atEscape()) this.#position++;
      else if (!accepted.test(this.#text[this.#position]!)) break;
      text += this.#text[this.#position++];
    }
    if (!text) throw this.#fail(start, 'unable to parse substitution within function');
    return text;
  }

  /** `\/`, `\\` and `$$` inside patterns and replacements. */
  #atEscape(): boolean {
    const next = this.#text.slice(this.#position, this.#position + 2);
    return next === '\\/' || next === '\\\\' || next === '$$';
  }

  #close(expression: Expression, start: number): Expression {
    if (this.#peek() !== '}') throw this.#fail(start, 'bad substitution');
    this.#position++;
    return expression;
  }

  #identifier(): string {
    return this.#operator(/[\p{L}\p{Nd}_]+/uy);
  }

  /** What matches at the position, consumed; '' when nothing does. */
  #operator(pattern: RegExp): string {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#position += found.length;
    return found;
  }

  #peek(ahead = 0): string {
    return this.#text[this.#position + ahead] ?? '';
  }

  #fail(start: number, what: string): SubstitutionError {
    const excerpt = this.#text.slice(start, start + 60).split('\n', 1)[0]!;
    return new SubstitutionError(`${what}: ${excerpt}; write $$ for a dollar sign that begins no variable`);
  }
}
