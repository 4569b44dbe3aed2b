import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import { groupOf, type KubeObject } from '../../api/object.ts';
import { compileExpression } from '../../cel/expression.ts';
import type { Health } from '../../kube/health.ts';
import { messageOfError } from '../../reconcile/errors.ts';

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
      return text ? compileExpression(text, { field: `spec.healthCheckExprs[${position}].${name}` }) : undefined;
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
      return { status: 'Unknown', message: messageOfError(error) };
    }
    return { status: 'InProgress', message: 'no expression is true' };
  };
}
