import { type ObjectRef, subjectOf } from './object-id.ts';

export type Action = 'created' | 'configured' | 'unchanged' | 'deleted' | 'skipped' | 'unknown';

/** What was done to one object. */
export interface Change extends ObjectRef {
  action: Action;
}

/** `Deployment/apps/web configured` */
export function changeText(change: Change): string {
  return `${subjectOf(change)} ${change.action}`;
}

/** One line per change. */
export function changesText(changes: readonly Change[]): string {
  return changes.map(changeText).join('\n');
}

/** Whether the cluster is another than before. */
export function hasChanged(change: Change): boolean {
  return change.action === 'created' || change.action === 'configured' || change.action === 'deleted';
}
