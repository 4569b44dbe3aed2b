import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunctions, functionNames } from '../../infra/bundles.ts';

/** Hands the folder of the bundles from the test command to the test files. */
const shared = 'SLUICE_TEST_BUNDLES';

let own: Promise<Record<string, string>> | undefined;

/** The functions as they would be uploaded, by name: those of the test command, or else made once for this process. */
export function bundles(): Promise<Record<string, string>> {
  const given = process.env[shared];
  if (given) return Promise.resolve(Object.fromEntries(functionNames.map(name => [name, join(given, name)])));
  own ??= make().then(({ folders }) => folders);
  return own;
}

/** For the test command: makes them, and gives the environment by which the test files find them. */
export async function shareBundles(): Promise<Record<string, string>> {
  return { [shared]: (await make()).dir };
}

async function make(): Promise<{ dir: string; folders: Record<string, string> }> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bundles-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return { dir, folders: await bundleFunctions(dir) };
}
