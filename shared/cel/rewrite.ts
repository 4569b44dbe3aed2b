import type { ASTNode } from '@marcbachmann/cel-js';
import { inTime, safeMatches } from './environment.ts';

interface Insertion {
  at: number;
  remove: number;
  text: string;
}

/** Macros that evaluate an argument once per element. */
const loops = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

/**
 * The expression in a form that is safe to evaluate for whoever wrote it: `matches` by RE2 rather than by the machine's own
 * regular expressions, which a pattern can keep busy for ever, and a look at the clock before every loop.
 */
export function rewrite(text: string, ast: ASTNode): string {
  const insertions: Insertion[] = [];
  visit(ast, node => {
    if (node.op !== 'rcall') return;
    const [name, receiver] = node.args;
    if (name === 'bind' && receiver.op === 'id' && receiver.args === 'cel')
      throw new Error("found no matching overload for 'cel.bind'");
    if (name === 'matches') insertions.push(renamed(text, receiver.end));
    if (loops.has(name))
      insertions.push(
        { at: receiver.start, remove: 0, text: `${inTime}(` },
        { at: receiver.end, remove: 0, text: ')' },
      );
  });
  return apply(text, insertions);
}

/** The name stands between the receiver and the arguments, maybe behind comments, which may hold anything. */
function renamed(text: string, receiverEnd: number): Insertion {
  const found = /^(?:\)|\s|\/\/[^\n]*\n)*\.(?:\s|\/\/[^\n]*\n)*matches/.exec(text.slice(receiverEnd));
  if (!found) throw new Error('matches() is written in a way that is not supported');
  return { at: receiverEnd + found[0].length - 'matches'.length, remove: 'matches'.length, text: safeMatches };
}

function apply(text: string, insertions: Insertion[]): string {
  // From the back, so that positions stay; where two begin at one place the outer one was found first.
  const ordered = insertions.map((insertion, order) => ({ ...insertion, order }));
  ordered.sort((a, b) => b.at - a.at || b.order - a.order);
  let result = text;
  for (const { at, remove, text: inserted } of ordered)
    result = result.slice(0, at) + inserted + result.slice(at + remove);
  return result;
}

function visit(node: ASTNode, see: (node: ASTNode) => void): void {
  see(node);
  for (const child of nodesIn(node.args)) visit(child, see);
}

function nodesIn(value: unknown): ASTNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesIn);
  return typeof value === 'object' && value !== null && 'op' in value ? [value as ASTNode] : [];
}
