/**
 * Sizes of the bundles as they were last accepted, bytes by function (bundle-sizes.json). A test fails when one grew by a tenth, so
 * that a cold start does not get slower unseen. `node infra/bundle-sizes.ts` accepts the sizes of now.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleBytes, bundleFunctions } from './bundles.ts';

const file = new URL('bundle-sizes.json', import.meta.url);

/** Design: apart from the layer, a bundle stays under 5 MB. */
export const limitBytes = 5_000_000;

/** The accepted sizes. */
export function acceptedSizes(): Record<string, number> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
}

/** The sizes of now. Bundles everything: some seconds. */
export async function measuredSizes(): Promise<Record<string, number>> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-sizes-'));
  try {
    const folders = Object.entries(await bundleFunctions(dir));
    return Object.fromEntries(folders.map(([name, folder]) => [name, bundleBytes(folder)]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What is wrong with sizes, a sentence each. */
export function outgrown(sizes: Record<string, number>, accepted: Record<string, number>): string[] {
  return Object.entries(sizes).flatMap(([name, bytes]) => {
    const before = accepted[name];
    if (bytes >= limitBytes) return [`${name} has ${bytes} bytes; ${limitBytes} is the limit`];
    if (before === undefined) return [`${name} has no accepted size; run \`node infra/bundle-sizes.ts\``];
    if (bytes > before * 1.1)
      return [
        `${name} grew from ${before} to ${bytes} bytes, more than a tenth; see what is imported that need not be, or accept it with \`node infra/bundle-sizes.ts\``,
      ];
    return [];
  });
}

if (import.meta.main) writeFileSync(file, `${JSON.stringify(await measuredSizes(), null, 2)}\n`);
