import type { KubeObject } from '../../api/object.ts';
import { clusterPrinters } from './cluster.ts';
import { columnsOf, type Printer } from './columns.ts';
import { corePrinters } from './core.ts';
import { age } from './durations.ts';
import { eventPrinter } from './event.ts';
import { workloadPrinters } from './workloads.ts';

/** The creation time itself, not how long ago: kinds for which Kubernetes has no printer of its own. */
const createdAt: Printer = {
  nothing: 'null',
  columns: columnsOf('Name|Created At').map(column =>
    column.name === 'Created At' ? { ...column, type: 'date' } : column,
  ),
  cells: object => [object.metadata.name, object.metadata.creationTimestamp],
};

const withoutPrinter = ['CustomResourceDefinition', 'ClusterRole', 'Role', 'LimitRange'];

function shareOf(names: string, cells: (object: KubeObject) => unknown[]): Printer {
  return {
    columns: columnsOf(`Name|${names}|Age`),
    cells: (object, now) => [object.metadata.name, ...cells(object), age(object.metadata.creationTimestamp, now)],
  };
}

function ownerOf(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find(reference => reference.controller);
  if (!owner) return '<none>';
  const slash = owner.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${owner.apiVersion.slice(0, slash)}`;
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

/** The printers of the built-in kinds, by kind. */
export const builtinPrinters: Record<string, Printer> = {
  ...corePrinters,
  ...workloadPrinters,
  ...clusterPrinters,
  ...Object.fromEntries(withoutPrinter.map(kind => [kind, createdAt])),
  Event: eventPrinter,
  ControllerRevision: shareOf('Controller|Revision', object => [ownerOf(object), object.revision ?? 0]),
};
