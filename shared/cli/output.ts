import { UsageError } from './command.ts';

/** Value of `-o`. */
export function outputFormat(value: string | undefined): 'table' | 'json' {
  if (value === undefined || value === 'table') return 'table';
  if (value === 'json') return 'json';
  throw new UsageError(`--output is "${value}"; it has to be table or json`);
}
