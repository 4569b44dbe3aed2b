import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pageOf } from './generate.ts';
import { kinds } from './kinds.ts';
import { referencePage } from './reference-page.ts';

describe('reference pages', () => {
  for (const definition of kinds) {
    it(`${definition.kind}: the page is what the schema says (otherwise run \`npm run crds\`)`, () => {
      assert.equal(readFileSync(pageOf(definition), 'utf8'), referencePage(definition));
    });

    it(`${definition.kind}: every row of the table of what is not built names a field of the page`, () => {
      const page = referencePage(definition);
      for (const { path } of definition.notBuilt) assert.ok(page.includes(`| \`${path}\` `), path);
    });
  }
});
