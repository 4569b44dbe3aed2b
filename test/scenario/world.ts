/**
 * A whole installation for a test file: a cluster (the sandbox, or a real kube-apiserver), Sluice (the local runtime as its
 * own process, or the bundles on servers that stand in for AWS), a real Git server, endpoints that stand for chat services.
 * Everything under one temporary folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { constants, gunzipSync } from 'node:zlib';
import { parseAllDocuments } from 'yaml';
import { apiVersionOf, kindOf } from '../../shared/api/kinds.ts';
import type { Condition, KubeObject, TypeRef } from '../../shared/api/object.ts';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { type GitServer, startGitServer } from '../../shared/local/git-server.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import type { AwsRuntimeOptions } from '../aws/runtime.ts';
import { type Sinks, startSinks } from './sinks.ts';
import { startTarget, type Target } from './target.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

export interface World {
  target: Target;
  cluster: Cluster;
  git: GitServer;
  /** Folder of the bare repositories that {@link World.git} serves. */
  repositories: string;
  sinks: Sinks;
  runtime: Runtime;
  /** Applies manifests (YAML text) as a user would, with the field manager of kubectl. */
  apply(manifests: string): Promise<void>;
  get(kind: string, namespace: string, name: string): Promise<KubeObject | undefined>;
  /** Waits for a condition of an object; the object as it then is. Fails with what the object said last. */
  condition(
    kind: string,
    namespace: string,
    name: string,
    type: string,
    status: string,
    reason?: string,
  ): Promise<KubeObject>;
  namespace(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** URL of a module that the local runtime's process loads first. */
  preload?: string;
  /** Given, it runs on AWS's parts in any case, and so. */
  aws?: Omit<AwsRuntimeOptions, 'dir' | 'kubeconfig'>;
  /** Called when all is down. */
  afterEnd?(): Promise<void>;
}

/** Sluice: the local runtime, a process of its own, or what runs on AWS (SLUICE_TEST_RUNTIME=aws). */
export interface Runtime {
  /** The local runtime's state, or the logs. */
  dir: string;
  gateway: string;
  pid: number;
  log(): string;
  /** kill -9 of the whole process group, then nothing. */
  kill(): Promise<void>;
  stop(): Promise<number | null>;
  start(): Promise<void>;
  /** Everything that is kept, other than secrets: where, and its text (latin1), unpacked where it is packed. */
  stored(): Promise<[where: string, text: string][]>;
  /** The end, after which it is not started again. */
  close(): Promise<void>;
}

/** Whether scenarios run on AWS's parts. */
export const onAws = process.env.SLUICE_TEST_RUNTIME === 'aws';

/** Kinds that are not the toolkit's. */
const types: Record<string, TypeRef> = {
  ConfigMap: { apiVersion: 'v1', kind: 'ConfigMap' },
  Secret: { apiVersion: 'v1', kind: 'Secret' },
  Service: { apiVersion: 'v1', kind: 'Service' },
  Namespace: { apiVersion: 'v1', kind: 'Namespace' },
  Event: { apiVersion: 'v1', kind: 'Event' },
  Pod: { apiVersion: 'v1', kind: 'Pod' },
  Deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
  CustomResourceDefinition: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
};

/** The type of a kind that the scenarios use. */
export function typeOf(kind: string): TypeRef {
  const definition = kindOf(kind);
  const type = definition ? { apiVersion: apiVersionOf(definition), kind } : types[kind];
  if (!type) throw new Error(`test/scenario/world.ts knows no kind ${kind}`);
  return type;
}

/** Starts everything; it is stopped and removed when the test file ends. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const world = await openWorld(options);
  after(world.close);
  return world;
}

/** Starts everything, for callers that stop it themselves. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const repositories = join(dir, 'repositories');
  mkdirSync(repositories);
  const target = await startTarget(join(dir, 'cluster'));
  const cluster = connect('test', await accessFromKubeconfig(target.kubeconfig));
  const [git, sinks] = await Promise.all([startGitServer({ root: repositories }), startSinks()]);
  const stopParts = async () => {
    await Promise.all([target.stop(), git.close(), sinks.close()]);
    if (!process.env.SLUICE_TEST_KEEP) rmSync(dir, { recursive: true, force: true });
  };
  const starting =
    onAws || options.aws
      ? import('../aws/runtime.ts').then(aws =>
          aws.startAwsRuntime({ dir: join(dir, 'state'), kubeconfig: target.kubeconfig, ...options.aws }),
        )
      : startRuntime(join(dir, 'state'), target.kubeconfigFile, options);
  const runtime = await starting.catch(async error => {
    await stopParts();
    throw error;
  });
  const close = async () => {
    await runtime.close();
    await stopParts();
    await options.afterEnd?.();
  };
  const get = (kind: string, namespace: string, name: string) =>
    cluster.get(typeOf(kind), namespace || undefined, name);
  return {
    target,
    cluster,
    git,
    repositories,
    sinks,
    runtime,
    close,
    get,
    apply: manifests => applyManifests(cluster, manifests),
    condition: (kind, namespace, name, type, status, reason) =>
      waitForCondition(get, { kind, namespace, name, type, status, reason }),
    namespace: async name => {
      await cluster.apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
        { fieldManager: 'kubectl', force: true },
      );
    },
  };
}

/** However a test ends, what it started ends as well. */
const endWithParent = new URL('../../shared/local/end-with-parent.ts', import.meta.url).href;

async function startRuntime(dir: string, kubeconfig: string, options: WorldOptions): Promise<Runtime> {
  let child: ChildProcess | undefined;
  let output = '';
  const runtime: Runtime = {
    dir,
    gateway: '',
    pid: 0,
    log: () => output,
    async start() {
      const args = [
        '--import',
        endWithParent,
        ...(options.preload ? ['--import', options.preload] : []),
        'shared/cli/main.ts',
        'start',
        '--dir',
        dir,
        '--kubeconfig',
        kubeconfig,
        '--port',
        '0',
        '--no-demo',
      ];
      child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
      child.stdout?.on('data', text => (output += text));
      child.stderr?.on('data', text => (output += text));
      const started = child;
      const file = join(dir, 'local.json');
      const local = await until('the runtime is ready', () => {
        if (started.exitCode !== null) throw new Error(`the runtime stopped with ${started.exitCode}:\n${output}`);
        if (!existsSync(file)) return undefined;
        const read = JSON.parse(readFileSync(file, 'utf8'));
        return read.pid === started.pid ? read : undefined;
      });
      runtime.gateway = local.gateway;
      runtime.pid = local.pid;
    },
    async kill() {
      const gone = new Promise(resolve => child?.once('exit', resolve));
      process.kill(-child!.pid!, 'SIGKILL');
      await gone;
    },
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
      const gone = new Promise<number | null>(resolve => child?.once('exit', resolve));
      child.kill('SIGINT');
      return gone;
    },
    stored: async () => storedFiles(dir).filter(([path]) => !path.startsWith(join(dir, 'secrets'))),
    close: async () => void (await runtime.stop()),
  };
  await runtime.start();
  return runtime;
}

/** The files of a state directory that hold no secrets by right. It is in use: some go meanwhile, and some are half written. */
function storedFiles(dir: string): [string, string][] {
  const entries = ifThere(() => readdirSync(dir, { withFileTypes: true })) ?? [];
  return entries.flatMap(entry => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return storedFiles(path);
    const bytes = entry.isFile() ? ifThere(() => readFileSync(path)) : undefined;
    return bytes ? [[path, unpacked(bytes).toString('latin1')] satisfies [string, string]] : [];
  });
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** As much as there is, where the end is not written yet. */
function unpacked(bytes: Buffer): Buffer {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
}

/** Polls until `probe` answers something other than undefined or false. Errors of the probe end the wait at once. */
export async function until<T>(what: string, probe: () => T | Promise<T>, seconds = 120): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<T>;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(40);
  }
}

interface Wanted {
  kind: string;
  namespace: string;
  name: string;
  type: string;
  status: string;
  reason?: string | undefined;
}

async function waitForCondition(get: World['get'], wanted: Wanted): Promise<KubeObject> {
  let last: KubeObject | undefined;
  const holds = (object: KubeObject | undefined) => {
    const condition = conditionOf(object, wanted.type);
    return (
      condition?.status === wanted.status &&
      (!wanted.reason || condition.reason === wanted.reason) &&
      condition.observedGeneration === object?.metadata.generation
    );
  };
  try {
    return await until('the condition', async () => {
      last = await get(wanted.kind, wanted.namespace, wanted.name);
      return holds(last) ? last : undefined;
    });
  } catch {
    const { kind, namespace, name, type, status, reason } = wanted;
    throw new Error(
      `${kind} ${namespace}/${name} did not become ${type}=${status} ${reason ?? ''}; status: ${JSON.stringify(last?.status, undefined, 1)}`,
    );
  }
}

export function conditionOf(object: KubeObject | undefined, type: string): Condition | undefined {
  return (object?.status?.conditions as Condition[] | undefined)?.find(condition => condition.type === type);
}

export async function applyManifests(cluster: Cluster, manifests: string): Promise<void> {
  for (const document of parseAllDocuments(manifests)) {
    const object = document.toJS() as KubeObject | null;
    if (object) await cluster.apply(object, { fieldManager: 'kubectl', force: true });
  }
}

/** A webhook as GitHub sends it: signed over the very bytes. */
export async function githubPush(
  url: string,
  token: string,
  body = JSON.stringify({ ref: 'refs/heads/main' }),
): Promise<Response> {
  const signature = createHmac('sha256', token).update(body).digest('hex');
  return fetch(url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/3f5a7c1',
      'x-github-event': 'push',
      'x-github-delivery': crypto.randomUUID(),
      'x-hub-signature-256': `sha256=${signature}`,
    },
  });
}
