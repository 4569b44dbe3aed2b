import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { bundleFunctions } from './bundles.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-bundles-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('what a bundle loads only when it is needed can be loaded', async () => {
  const { source = '' } = await bundleFunctions(dir, ['source']);
  const later = readdirSync(source).filter(file => file.endsWith('.mjs') && file !== 'index.mjs');
  assert.ok(later.length > 5);
  const failed: string[] = [];
  for (const file of later)
    await import(join(source, file)).catch(error => failed.push(`${file}: ${String(error).slice(0, 300)}`));
  assert.deepEqual(failed, []);
  // SSH is one of them, and a cold start does not read it.
  const speaksSsh = (file: string) => readFileSync(join(source, file), 'utf8').includes('ssh-userauth');
  assert.ok(later.some(speaksSsh));
  assert.ok(!speaksSsh('index.mjs'));
});
