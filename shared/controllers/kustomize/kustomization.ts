import { findCondition } from '../../api/conditions.ts';
import { formatDuration, parseDuration } from '../../api/duration.ts';
import type { Kustomization } from '../../api/kustomize/kustomization.ts';
import type { KubeObject } from '../../api/object.ts';
import { type Context, type Controller, runSteps, type Step } from '../../reconcile/controller.ts';
import { classify } from '../../reconcile/errors.ts';
import type { Outcome } from '../../reconcile/outcome.ts';
import { applyManifests } from './apply.ts';
import { healthEvaluator } from './cel.ts';
import { checkDependencies, compileReadyExpr } from './dependencies.ts';
import { finalizeKustomization } from './finalize.ts';
import { checkHealthOf, isWaiting } from './health.ts';
import { makeManifests } from './manifests.ts';
import { failed, record } from './record.ts';
import type { Settings } from './settings.ts';
import { findSource } from './source.ts';
import { originRevision, revisionMetadata, type Work } from './subject.ts';

/** Kustomization: source, dependencies, build, plan and apply, prune, health. */
export function kustomizationController(settings: Settings = {}): Controller<Kustomization> {
  return {
    kind: 'Kustomization',
    transientConditions: [],
    reconcile: context => reconcile(context, settings),
    finalize: context => finalizeKustomization({ ...context, settings }),
  };
}

const steps: Step<Work>[] = [
  { name: 'check the expressions', run: checkExpressions },
  { name: 'find the source', run: findSource },
  { name: 'check the dependencies', run: checkDependencies },
  { name: 'make the manifests', run: makeManifests },
  // A timer that comes back for the health of what was applied finds it applied.
  { name: 'apply', run: async work => (isWaiting(work) ? undefined : applyManifests(work)) },
  { name: 'check the health', run: checkHealthOf },
  { name: 'conclude', run: conclude },
];

async function reconcile(context: Context<Kustomization>, settings: Settings): Promise<Outcome> {
  const work: Work = { ...context, settings, startedAt: context.clock.now(), changed: false };
  try {
    return await runSteps(steps, work);
  } catch (error) {
    // Once there is an artifact, failures are about its revision, and retried as the spec says.
    const outcome = classify(error);
    if (outcome.type === 'failed' && work.artifact && !work.signal.aborted)
      return failed(work, outcome.reason, outcome.message, error);
    if (outcome.type === 'stalled') return { ...outcome, metadata: revisionMetadata(work.artifact) };
    throw error;
  }
}

/** An expression that cannot be compiled is told at once, before anything is applied. */
async function checkExpressions({ object }: Work): Promise<undefined> {
  healthEvaluator(object.spec.healthCheckExprs);
  for (const [position, { readyExpr }] of (object.spec.dependsOn ?? []).entries())
    if (readyExpr) compileReadyExpr(readyExpr, position);
}

/** Everything is as the source wants it. Told and counted only when that is news. */
async function conclude(work: Work): Promise<Outcome> {
  const { artifact, object, status } = work;
  if (!artifact) throw new Error('there is no artifact');
  const ready = findCondition(object as unknown as KubeObject, 'Ready');
  const news =
    work.changed ||
    work.requested ||
    ready?.status !== 'True' ||
    object.status.lastAppliedRevision !== artifact.revision ||
    object.status.observedGeneration !== object.metadata.generation;
  status.lastAppliedRevision = artifact.revision;
  status.lastAppliedOriginRevision = originRevision(artifact);
  if (news) {
    record(work, 'ReconciliationSucceeded');
    const duration = formatDuration(work.clock.now() - work.startedAt);
    work.event({
      severity: 'info',
      reason: 'ReconciliationSucceeded',
      message: `Reconciliation finished in ${duration}, next run in ${formatDuration(parseDuration(object.spec.interval))}`,
      metadata: { ...revisionMetadata(artifact), commit_status: 'update' },
    });
  }
  return { type: 'done', reason: 'ReconciliationSucceeded', message: `Applied revision: ${artifact.revision}` };
}
