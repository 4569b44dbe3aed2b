/** Sources in folders of their own, and what is asked of their builds, for the tests of this room. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { BuildError, type BuildRequest, type BuildSpec, buildManifests } from '../build.ts';

let folder: string;
let count = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-build-test-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** A source with these files; its own folder, and one for the builds' temporary files. */
export async function source(files: Record<string, string>): Promise<{ root: string; workDir: string }> {
  const base = join(folder, String(count++));
  const [root, workDir] = [join(base, 'source'), join(base, 'work')];
  await mkdir(root, { recursive: true });
  await mkdir(workDir, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return { root, workDir };
}

export async function build(
  files: Record<string, string>,
  spec: BuildSpec = {},
  path = '',
  more: Partial<BuildRequest> = {},
): Promise<KubeObject[]> {
  return buildManifests({ ...(await source(files)), path, spec, ...more });
}

export const configMap = (name: string, more = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}`;
export const kustomization = (fields: Record<string, unknown>) =>
  JSON.stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', ...fields });
export const names = (objects: KubeObject[]) => objects.map(object => object.metadata.name);
export const failing = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, error => {
    assert.ok(error instanceof BuildError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /sluice-build-/, 'paths of this machine are left out');
    return true;
  });

/** A change that only kustomize can make, so that the process runs. */
export const viaKustomize: BuildSpec = { namePrefix: 'x-' };
