import type { KubeObject } from '../../api/object.ts';
import type { Target } from '../crud/kernel.ts';
import type { PrinterColumn } from '../resources/definition.ts';
import { builtinPrinters } from './builtin.ts';
import type { Column, Printer } from './columns.ts';
import { age } from './durations.ts';
import { evaluate } from './json-path.ts';

export interface TableOptions {
  /** Of meta.k8s.io. */
  version: string;
  /** None, Metadata or Object. */
  include: string;
  now: Date;
  /** Whether column definitions are sent; a watch sends them once. */
  headers: boolean;
}

/** Objects (in the target's version) as a metav1.Table. */
export function tableOf(target: Target, objects: KubeObject[], options: TableOptions): Record<string, unknown> {
  const printer = printerOf(target);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata: objects.length === 1 ? { resourceVersion: objects[0]!.metadata.resourceVersion } : {},
    columnDefinitions: options.headers ? printer.columns.map(described) : null,
    rows: rowsOf(printer, objects, options),
  };
}

function rowsOf(printer: Printer, objects: KubeObject[], options: TableOptions): object[] | null {
  if (objects.length === 0 && printer.nothing === 'null') return null;
  return objects.map(object => ({ cells: printer.cells(object, options.now), object: included(object, options) }));
}

function included(object: KubeObject, options: TableOptions): object | null {
  if (options.include === 'None') return null;
  if (options.include === 'Object') return object;
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${options.version}`, metadata: object.metadata };
}

function described({ name, type = 'string', format = '', description = '', priority = 0 }: Column): Column {
  return { name, type, format, description, priority };
}

function printerOf(target: Target): Printer {
  const { definition, version } = target;
  if (definition.builtin) return builtinPrinters[definition.kind] ?? plain;
  return version.columns ? customPrinter(version.columns) : plain;
}

const nameColumn: Column = {
  name: 'Name',
  format: 'name',
  description: 'The name of the object, unique among its kind',
};

/** What kinds without columns of their own show: Name and Age. */
const plain: Printer = {
  columns: [nameColumn, { name: 'Age', type: 'date', description: 'Time since the object was created' }],
  cells: (object, now) => [object.metadata.name, age(object.metadata.creationTimestamp, now)],
};

function customPrinter(columns: PrinterColumn[]): Printer {
  return {
    columns: [nameColumn, ...columns],
    cells: (object, now) => [
      object.metadata.name,
      ...columns.map(column => customCell(column, evaluate(column.jsonPath, object), now)),
    ],
  };
}

function customCell(column: PrinterColumn, values: unknown[], now: Date): unknown {
  if (values.length === 0 || values[0] === undefined) return null;
  const [value] = values;
  switch (column.type) {
    case 'date':
      return typeof value === 'string' ? age(value, now) : '<invalid>';
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : value === null ? null : Number(value);
    case 'number':
    case 'boolean':
      return value;
    default:
      return value === null ? null : values.map(asText).join(',');
  }
}

function asText(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
