import { findCondition } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import { type Kustomization, kustomizationKind } from '../../api/kustomize/kustomization.ts';
import { type KubeObject, keyString, type ObjectKey, parseKey } from '../../api/object.ts';
import { compileExpression, type Expression, ExpressionError } from '../../cel/expression.ts';
import type { Index } from '../../ports/index.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { messageOf, workItem } from '../../reconcile/work-item.ts';
import { dependencyRetryMs, sourceNamespace } from './source.ts';
import { revisionMetadata, type Work } from './subject.ts';

/**
 * Goes on when every dependency is ready, at the revision that this one is about to apply when both have the same
 * source. A dependency that becomes ready sends word, so the timer is only the net below it.
 */
export async function checkDependencies(work: Work): Promise<Outcome | undefined> {
  const dependencies = work.object.spec.dependsOn ?? [];
  if (dependencies.length === 0) return undefined;
  const problem = await firstProblem(work).catch((error: unknown) => {
    // An expression that cannot be evaluated now (a field that is not there yet) is one that is not true.
    if (error instanceof ExpressionError) return error.message;
    throw error;
  });
  if (problem === undefined) return undefined;
  // Members of a cycle wait for each other for ever; only then is there a cycle to look for.
  const cycle = await findCycle(work.ports.index, work.key);
  if (cycle) {
    await wakeMembers(work, cycle);
    const names = cycle.map(key => `${key.namespace}/${key.name}`).join(' → ');
    return {
      ...stalled('CircularDependency', `dependency cycle: ${names}; remove one of these from spec.dependsOn`),
      metadata: revisionMetadata(work.artifact),
      // Another member's spec may break the cycle.
      afterMs: parseDuration(work.object.spec.interval),
    };
  }
  work.event({
    severity: 'info',
    reason: 'DependencyNotReady',
    message: 'Dependencies do not meet ready condition, retrying in 30s',
    metadata: revisionMetadata(work.artifact),
  });
  return {
    type: 'waiting',
    ready: 'False',
    reason: 'DependencyNotReady',
    message: problem,
    afterMs: dependencyRetryMs,
  };
}

/**
 * The others of a cycle that was just found look for it too, rather than at their next timer. Only once: each of them does
 * the same.
 */
async function wakeMembers(work: Work, cycle: readonly ObjectKey[]): Promise<void> {
  if (findCondition(work.object as unknown as KubeObject, 'Stalled')?.reason === 'CircularDependency') return;
  const self = keyString(work.key);
  const others = cycle.filter(key => keyString(key) !== self);
  const cause = { reason: 'dependency', trace: work.trace, sentAt: work.clock.now() };
  await work.ports.queue.send(others.map(key => messageOf(workItem(key, cause))));
}

function stalled(reason: string, message: string) {
  return { type: 'stalled', reason, message } as const;
}

/** Compiles the readyExpr of the dependency at a position of the list. */
export function compileReadyExpr(text: string, position: number): Expression {
  return compileExpression(text, { field: `spec.dependsOn[${position}].readyExpr`, variables: ['self', 'dep'] });
}

async function firstProblem(work: Work): Promise<string | undefined> {
  const namespace = work.object.metadata.namespace ?? '';
  const type = { apiVersion: apiVersionOf(kustomizationKind), kind: kustomizationKind.kind };
  const names = (work.object.spec.dependsOn ?? []).map(({ name, namespace: other }) => ({
    name,
    namespace: other || namespace,
  }));
  const found = await Promise.all(names.map(({ name, namespace }) => work.cluster.get(type, namespace, name)));
  for (const [position, { name, namespace }] of names.entries()) {
    const { readyExpr } = work.object.spec.dependsOn?.[position] ?? {};
    const dependency = found[position];
    if (readyExpr && dependency) {
      const expression = compileReadyExpr(readyExpr, position);
      if (expression({ self: work.object, dep: dependency })) continue;
      return `dependency '${namespace}/${name}' is not ready according to readyExpr eval`;
    }
    const problem = dependencyProblem(`${namespace}/${name}`, found[position], work.object, work.artifact?.revision);
    if (problem) return problem;
  }
  return undefined;
}

/** Why a dependency is not ready; undefined when it is. Pure. */
export function dependencyProblem(
  name: string,
  dependency: KubeObject | undefined,
  self: Kustomization,
  revision: string | undefined,
): string | undefined {
  if (!dependency)
    return `dependency '${name}' not found: ${kustomizationKind.plural}.${kustomizationKind.group} "${name.split('/')[1]}" not found`;
  const { status = {}, metadata } = dependency;
  const ready = findCondition(dependency, 'Ready')?.status === 'True';
  if (!ready || status.observedGeneration !== metadata.generation) return `dependency '${name}' is not ready`;
  const theirs = dependency as unknown as Kustomization;
  const sameSource =
    theirs.spec.sourceRef.kind === self.spec.sourceRef.kind &&
    theirs.spec.sourceRef.name === self.spec.sourceRef.name &&
    sourceNamespace(theirs) === sourceNamespace(self);
  if (sameSource && status.lastAppliedRevision !== revision) return `dependency '${name}' revision is not up to date`;
  return undefined;
}

/** More objects than this are not searched for a cycle. */
const maxVisited = 1000;

/**
 * The way from `start` along dependencies back to `start`: only members of a cycle find one, objects that merely depend on
 * a member do not. Read from the index, where each reconcile and each change records the references.
 */
export async function findCycle(index: Index, start: ObjectKey): Promise<ObjectKey[] | undefined> {
  const goal = keyString(start);
  const visited = new Set<string>();
  const walk = async (at: string, path: string[]): Promise<string[] | undefined> => {
    if (visited.has(at) || visited.size >= maxVisited) return undefined;
    visited.add(at);
    const record = await index.getObject(parseKey(at));
    for (const next of record?.refs ?? []) {
      if (next === goal) return [...path, at, goal];
      if (parseKey(next).kind !== start.kind) continue;
      const found = await walk(next, [...path, at]);
      if (found) return found;
    }
    return undefined;
  };
  return (await walk(goal, []))?.map(parseKey);
}
