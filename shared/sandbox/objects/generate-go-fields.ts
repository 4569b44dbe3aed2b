/**
 * Writes go-fields.json: which fields of Kubernetes' types vanish when they hold Go's zero value, and which are written as
 * null when they are not set. The published OpenAPI documents do not tell (a pointer and a plain `omitempty` field look
 * alike there). Run with the folders of the Go modules k8s.io/api, k8s.io/apimachinery and k8s.io/apiextensions-apiserver:
 * `node generate-go-fields.ts <api> <apimachinery> <apiextensions-apiserver>`.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Struct {
  embedded: string[];
  omitted: string[];
  nulls: string[];
}

const [api, apimachinery, apiextensions] = process.argv.slice(2);
if (!api || !apimachinery || !apiextensions)
  throw new Error('give the folders of k8s.io/api, k8s.io/apimachinery and k8s.io/apiextensions-apiserver');

const packages: [prefix: string, file: string][] = [
  ...globSync('*/*/types.go', { cwd: api }).map((file): [string, string] => [
    `io.k8s.api.${file.split('/').slice(0, 2).join('.')}`,
    join(api, file),
  ]),
  ['io.k8s.apimachinery.pkg.apis.meta.v1', join(apimachinery, 'pkg/apis/meta/v1/types.go')],
  [
    'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
    join(apiextensions, 'pkg/apis/apiextensions/v1/types.go'),
  ],
];

const basic = new Set(['string', 'bool', 'int', 'int32', 'int64', 'uint64', 'float64', 'float32']);
const sources = packages
  .filter(([, file]) => existsSync(file))
  .map(([prefix, file]): [string, string] => [prefix, readFileSync(file, 'utf8')]);
const scalars = new Set(basic);
for (const [, text] of sources)
  for (const [, name, type] of text.matchAll(/^type (\w+) (\w+)$/gm)) if (basic.has(type!)) scalars.add(name!);
for (const name of ['types.UID', 'UID', 'NodeName', 'NamespacedName']) scalars.add(name);
scalars.delete('NamespacedName');

const table: Record<string, { omit?: string; null?: string }> = {};
for (const [prefix, text] of sources) {
  const structs = readStructs(text);
  for (const name of [...structs.keys()].sort()) {
    const { omitted, nulls } = flatten(name, structs);
    if (omitted.length + nulls.length === 0) continue;
    table[`${prefix}.${name}`] = {
      ...(omitted.length > 0 ? { omit: omitted.sort().join(' ') } : {}),
      ...(nulls.length > 0 ? { null: nulls.sort().join(' ') } : {}),
    };
  }
}
const sorted = Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(join(import.meta.dirname, 'go-fields.json'), `${JSON.stringify(sorted, undefined, 2)}\n`);

function readStructs(text: string): Map<string, Struct> {
  const structs = new Map<string, Struct>();
  for (const [, name, body] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm))
    structs.set(name!, readFields(body!));
  return structs;
}

function readFields(body: string): Struct {
  const struct: Struct = { embedded: [], omitted: [], nulls: [] };
  for (const line of body.split('\n')) {
    const inline = /^\s+(?:\w+\s+)?([\w.]+)\s+`json:",inline"/.exec(line);
    if (inline) struct.embedded.push(inline[1]!.replace(/^.*\./, ''));
    const field = /^\s+\w+\s+(\S+)\s+`json:"(\w+)([^"]*)"/.exec(line);
    if (!field) continue;
    const [, type, name, options] = field as unknown as [string, string, string, string];
    const bare = type.replace(/^.*\./, '');
    const empty = options.includes('omitempty');
    if (empty && !type.startsWith('*') && scalars.has(bare)) struct.omitted.push(name);
    if (!empty && /^(\[\]|map\[)/.test(type)) struct.nulls.push(name);
    if (/^(\w+\.)?(Micro)?Time$/.test(type) && !options.includes('omitzero')) struct.nulls.push(name);
  }
  return struct;
}

function flatten(name: string, structs: Map<string, Struct>): { omitted: string[]; nulls: string[] } {
  const struct = structs.get(name);
  if (!struct) return { omitted: [], nulls: [] };
  const inner = struct.embedded.map(embedded => flatten(embedded, structs));
  return {
    omitted: [...struct.omitted, ...inner.flatMap(one => one.omitted)],
    nulls: [...struct.nulls, ...inner.flatMap(one => one.nulls)],
  };
}
