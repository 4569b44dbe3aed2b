/**
 * `npm run scale [-- --measure] [-- --units] [-- --write]`
 *
 * Computes the tables of docs/scale.md and prints them; --write puts them into the document. --measure counts anew what each
 * kind of work costs (counts.json), --units what the operations of the index cost on DynamoDB (units.json; DynamoDB Local is
 * installed for it, once).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    measure: { type: 'boolean', default: false },
    units: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

function save(file: string, content: unknown): void {
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(content, undefined, 2)}\n`);
}

if (values.measure) {
  const { measure } = await import('./measure.ts');
  save('counts.json', await measure());
}

if (values.units) {
  const { credentials, startDynamoDb } = await import('../aws/servers.ts');
  const { measureUnits } = await import('./measure-units.ts');
  process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey;
  const dir = mkdtempSync(join(tmpdir(), 'sluice-units-'));
  const server = await startDynamoDb(dir);
  try {
    save('units.json', await measureUnits(`http://127.0.0.1:${server.port}`, 'units'));
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

// Not before what they read is as it was just measured.
const { fill, tables } = await import('./tables.ts');
const document = new URL('../../docs/scale.md', import.meta.url);
const computed = tables();
if (values.write) writeFileSync(document, fill(readFileSync(document, 'utf8'), computed));
else for (const [name, table] of Object.entries(computed)) console.log(`\n${name}\n\n${table}`);
