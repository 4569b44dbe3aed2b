/** The table of options in docs/aws.md, made from the schema: `node infra/config-reference.ts` writes it there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { unwrap } from './config-errors.ts';
import { Config } from './config-schema.ts';
import { type FunctionName, functionSettings, settingsOf } from './function-settings.ts';

const docs = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs', 'aws.md');
const begin = '<!-- options: written by node infra/config-reference.ts -->';
const end = '<!-- /options -->';

interface Option {
  path: string;
  default: string;
  description: string;
}

/** Every option there is, in the order of the schema; an option for each function is one. */
export function options(schema: z.core.$ZodType = Config, prefix = ''): Option[] {
  const object = unwrap(schema);
  if (!(object instanceof z.ZodObject)) throw new Error(`${prefix} is no mapping of options`);
  return Object.entries(object.shape as Record<string, z.ZodType>).flatMap(([name, option]): Option[] => {
    const path = prefix + name;
    const inner = unwrap(option);
    if (inner instanceof z.ZodObject && !option.description) return options(option, `${path}.`);
    if (inner instanceof z.ZodArray && unwrap(inner.element) instanceof z.ZodObject)
      return options(inner.element, `${path}[].`);
    const each = inner instanceof z.ZodObject;
    const names = each ? (Object.keys(inner.shape) as FunctionName[]) : [];
    return [
      {
        path: each ? `${path}.FUNCTION` : path,
        default: each ? defaultsOf(name, names) : defaultOf(option),
        description: option.description ?? '',
      },
    ];
  });
}

function defaultOf(option: z.ZodType): string {
  const parsed = option.safeParse(undefined);
  if (!parsed.success) return 'required';
  const value: unknown = parsed.data;
  if (value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0)) return '–';
  return `\`${String(value)}\``;
}

function defaultsOf(option: string, names: readonly FunctionName[]): string {
  if (!(option in functionSettings.source)) return '–';
  const key = option as 'memory' | 'timeout' | 'storage' | 'concurrency';
  return names.map(name => `${name} ${settingsOf(name)[key]}`).join(', ');
}

/** The table, as Markdown. */
export function optionsTable(): string {
  const rows = options().map(option => `| \`${option.path}\` | ${option.default} | ${option.description} |`);
  return ['| option | default | what it does |', '|---|---|---|', ...rows].join('\n');
}

/** docs/aws.md with the table as it should be. */
export function withTable(text: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`docs/aws.md has lost the marks ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${optionsTable()}\n\n${text.slice(to)}`;
}

if (import.meta.main) writeFileSync(docs, withTable(readFileSync(docs, 'utf8')));
