import type { KubeObject } from '../../api/object.ts';

/** One column of a table, as metav1.TableColumnDefinition. */
export interface Column {
  name: string;
  type?: string;
  format?: string;
  description?: string;
  /** 0: always shown; 1: only in wide output. */
  priority?: number;
}

/** How a kind is printed. */
export interface Printer {
  columns: Column[];
  /** What stands for no rows, where it is not an empty list. */
  nothing?: 'null';
  cells(object: KubeObject, now: Date): unknown[];
}

/** Columns from names: `Name`, `Ready`, …; a trailing `+` marks those of wide output, `#` integers, `?` booleans. */
export function columnsOf(names: string): Column[] {
  return names.split('|').map(text => {
    const [, name = '', marks = ''] = /^(.*?)([+#?]*)$/.exec(text)!;
    return {
      name,
      type: marks.includes('#') ? 'integer' : marks.includes('?') ? 'boolean' : 'string',
      ...(name === 'Name' ? { format: 'name' } : {}),
      ...(marks.includes('+') ? { priority: 1 } : {}),
    };
  });
}
