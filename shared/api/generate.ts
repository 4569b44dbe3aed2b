/** Writes what follows from the schemas: the reference page beside each kind. `npm run crds`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { KindDefinition } from './definition.ts';
import { kinds } from './kinds.ts';
import { referencePage } from './reference-page.ts';

/** Where the page of a kind lies: beside its schema. */
export function pageOf(definition: KindDefinition): URL {
  const room = definition.group.split('.')[0];
  const file = definition.kind.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase();
  return new URL(`./${room}/${file}.md`, import.meta.url);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const definition of kinds) {
    writeFileSync(pageOf(definition), referencePage(definition));
    console.log(`wrote ${fileURLToPath(pageOf(definition))}`);
  }
}
