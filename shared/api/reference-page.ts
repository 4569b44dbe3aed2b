import { type Schema, schemaOf } from './crd.ts';
import type { KindDefinition, NotBuilt } from './definition.ts';

/** The reference page of a kind, as Markdown: every field with type, default, description, and whether it is built. */
export function referencePage(definition: KindDefinition): string {
  const { spec, status } = schemaOf(definition).properties!;
  return [
    '<!-- Generated from the schema by `npm run crds`; do not edit. -->',
    `# ${definition.kind}`,
    schemaOf(definition).description ?? '',
    overview(definition),
    '## Spec',
    fieldTable(rows(spec!, 'spec', definition.notBuilt)),
    ...(status ? ['## Status', fieldTable(rows(status, 'status', []))] : []),
    '## Older versions',
    `${olderVersions(definition)}\n`,
  ].join('\n\n');
}

function overview(definition: KindDefinition): string {
  const names = [definition.plural, definition.singular, ...definition.shortNames].map(code).join(', ');
  const lines = [
    `- API version: ${code(`${definition.group}/${definition.version}`)}`,
    `- Names: ${names}`,
    `- Field manager: ${code(definition.fieldManager)}`,
  ];
  if (definition.finalizer) lines.push(`- Finalizer: ${code(definition.finalizer)}`);
  const rule =
    'An object that uses a field marked **no**, or such a value, becomes Stalled with a message that names the field.';
  return definition.notBuilt.length ? `${lines.join('\n')}\n\n${rule}` : lines.join('\n');
}

interface Row {
  path: string;
  type: string;
  default: string;
  description: string;
  built: string;
}

/** Cells are padded, since that is how the formatter leaves tables. */
function fieldTable(rows: Row[]): string {
  const head = ['Field', 'Type', 'Default', 'Built', 'Description'];
  const cells = rows.map(row => [code(row.path), row.type, row.default, row.built, row.description]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map(row => row[column]!.length)));
  const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

/** A row per named field, parents before children. */
function rows(schema: Schema, path: string, notBuilt: NotBuilt[], parentBuilt = true): Row[] {
  return Object.entries(schema.properties ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, field]) => {
      const own = `${path}.${name}`;
      const isRequired = schema.required?.includes(name) ?? false;
      const gap = notBuilt.find(row => row.path === own);
      const built = parentBuilt && !(gap && !gap.when);
      const row: Row = {
        path: own,
        type: `${typeOf(field)}${isRequired ? ', required' : ''}`,
        default: field.default === undefined ? '' : code(plain(field.default)),
        built: built ? (gap ? gap.values! : 'yes') : '**no**',
        description: [field.description, constraints(field)].filter(Boolean).join(' ').replaceAll('|', '\\|'),
      };
      return [row, ...childrenOf(field, own, notBuilt, built)];
    });
}

function childrenOf(field: Schema, path: string, notBuilt: NotBuilt[], built: boolean): Row[] {
  if (field.items) return childrenOf(field.items, `${path}[]`, notBuilt, built);
  return field.properties ? rows(field, path, notBuilt, built) : [];
}

function typeOf(field: Schema): string {
  if (field.items) return `list of ${typeOf(field.items)}`;
  if (field.additionalProperties) return `map of ${typeOf(field.additionalProperties)}`;
  return field.type ?? 'any';
}

/** What values may be, in words. */
function constraints(field: Schema): string {
  const target = field.items ?? field;
  const parts: string[] = [];
  if (target.enum) parts.push(`One of ${(target.enum as string[]).map(code).join(', ')}.`);
  if (target.pattern) parts.push(`Pattern ${code(String(target.pattern))}.`);
  if (target.minLength !== undefined || target.maxLength !== undefined)
    parts.push(`Length ${target.minLength ?? 0} to ${target.maxLength ?? 'any'}.`);
  if (field.minItems !== undefined) parts.push(`At least ${field.minItems}.`);
  for (const rule of (field['x-kubernetes-validations'] as { message: string }[] | undefined) ?? [])
    parts.push(`Rule: ${rule.message}.`);
  return [...new Set(parts)].join(' ');
}

function olderVersions(definition: KindDefinition): string {
  const intro =
    'These are served so that manifests which name them still apply; they are deprecated, and objects are stored in the current version.';
  const versions = definition.olderVersions.map(({ name, added }) => {
    const fields = added.map(
      field => `  - ${code(field.path)}: ${field.refused ? `refused: ${field.refused}` : 'accepted, without effect'}`,
    );
    return [`- ${code(name)}${fields.length ? ', with these fields that were removed since:' : ''}`, ...fields].join(
      '\n',
    );
  });
  return `${intro}\n\n${versions.join('\n')}`;
}

const code = (text: string) => `\`${text}\``;
const plain = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
