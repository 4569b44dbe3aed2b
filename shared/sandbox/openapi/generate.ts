/**
 * Writes kubernetes.json.gz: the schemas of the API groups that the sandbox serves, taken from the OpenAPI v3 documents in
 * Kubernetes' own repository.
 *
 *     node shared/sandbox/openapi/generate.ts <kubernetes checkout>/api/openapi-spec/v3 v1.36.3
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as z from 'zod';
import { builtinResources } from '../resources/builtin.ts';

const Document = z.object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) });

const [folder, version] = process.argv.slice(2);
if (!folder || !version) {
  console.error('usage: generate.ts <folder of the OpenAPI v3 documents> <version, e.g. v1.36.3>');
  process.exit(2);
}

/** `api__v1_openapi.json`, `apis__apps__v1_openapi.json`. */
function fileOf(group: string, apiVersion: string): string {
  return group === '' ? `api__${apiVersion}_openapi.json` : `apis__${group}__${apiVersion}_openapi.json`;
}

const groupVersions = new Set(
  builtinResources.flatMap(resource => resource.versions.map(served => `${resource.group}/${served.name}`)),
);
for (const reviewed of ['authentication.k8s.io/v1', 'authorization.k8s.io/v1']) groupVersions.add(reviewed);

const schemas: Record<string, unknown> = {};
for (const groupVersion of groupVersions) {
  const [group = '', apiVersion = ''] = groupVersion.split('/');
  const document = Document.parse(JSON.parse(readFileSync(join(folder, fileOf(group, apiVersion)), 'utf8')));
  for (const [name, schema] of Object.entries(document.components.schemas)) schemas[name] ??= schema;
}

const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
const packed = gzipSync(JSON.stringify({ version, schemas: sorted }), { level: 9 });
writeFileSync(new URL('kubernetes.json.gz', import.meta.url), packed);
console.log(`${Object.keys(sorted).length} schemas of ${groupVersions.size} API versions, ${packed.length} bytes`);
