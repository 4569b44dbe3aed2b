import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { onLastPort, readAddresses, writeAddresses } from '../local/addresses.ts';
import { applyDemo, type Demo, startDemo, untilReceiverReady } from '../local/demo.ts';
import { type Host, type Observation, startHost } from '../local/host.ts';
import { type LocalFile, removeLocalFile, writeLocalFile } from '../local/local-file.ts';
import { Progress } from '../local/progress.ts';
import { localCluster, registerLocal } from '../local/register-local.ts';
import { type SandboxProcess, startSandboxProcess } from '../local/sandbox-process.ts';
import type { StatePaths } from '../local/state-dir.ts';
import { writeFileAtomically } from '../local/write-file.ts';
import { CommandError, type Io } from './command.ts';
import { minifyKubeconfig } from './minified-kubeconfig.ts';
import { installAtStart } from './start-install.ts';
import { Screen } from './start-screen.ts';

export interface StartOptions {
  paths: StatePaths;
  /** A cluster that is there; without it the sandbox. */
  kubeconfig: { file: string; context: string | undefined } | undefined;
  /** 0: the port of last time, or any. */
  port: number;
  listen: string | undefined;
  publicUrl: string | undefined;
  demo: boolean;
  quiet: boolean;
}

/** What runs, in the order in which it was started; stopped in reverse. */
interface Runtime {
  host: Host;
  sandbox: SandboxProcess | undefined;
  demo: Demo | undefined;
}

/** How long the start waits for the demo's Receiver before it says that all is ready without it. */
const receiverMs = 20_000;

/** Brings everything up, says where it is, and returns after SIGINT or SIGTERM, when everything is down again. */
export async function runUntilStopped(options: StartOptions, io: Io): Promise<void> {
  const stop = stopSignal();
  const screen = new Screen(io, process.stdout.isTTY === true && !io.env.NO_COLOR, options.quiet);
  const progress = new Progress(step => screen.step(step));
  const runtime: Partial<Runtime> = {};
  try {
    await bringUp(options, runtime, screen, progress, stop);
    await aborted(stop);
    screen.stopping();
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await removeLocalFileOf(options, runtime);
    await runtime.demo?.close();
    await runtime.host?.close();
    await runtime.sandbox?.stop();
  }
}

async function bringUp(
  options: StartOptions,
  runtime: Partial<Runtime>,
  screen: Screen,
  progress: Progress,
  stop: AbortSignal,
): Promise<void> {
  const { paths } = options;
  const startedAt = new Date();
  const last = readAddresses(paths.addresses);
  const host = await hostOn(options, last.gateway, seen => progress.observe(seen));
  runtime.host = host;
  await removeLocalFile(paths.local);
  const { ports } = host;
  const [cluster, demo] = await Promise.all([
    reachCluster(options, last.sandbox, runtime, host),
    options.demo
      ? startDemo({
          dir: paths.demo,
          port: last.git,
          gateway: host.url,
          secrets: ports.secrets,
          log: ports.log,
          onPush: push => progress.pushed(push),
        })
      : undefined,
  ]);
  runtime.demo = demo;
  stop.throwIfAborted();
  const gateway = Number(new URL(host.url).port);
  await writeAddresses(paths.addresses, {
    gateway,
    sandbox: runtime.sandbox?.port ?? last.sandbox,
    git: demo?.port ?? last.git,
  });
  await registerLocal(ports.index, ports.secrets, cluster.registered, Date.now());
  const client = await ports.clusters.get(localCluster);
  const known = (await ports.index.cursor(localCluster, 'Kustomization')) !== undefined;
  await installAtStart(client, { known, stop, warn: text => screen.warn(text) });
  stop.throwIfAborted();
  host.run();
  if (demo) {
    await applyDemo(client, demo.addresses);
    const limit = AbortSignal.any([stop, AbortSignal.timeout(receiverMs)]);
    if (!(await untilReceiverReady(client, limit)) && !stop.aborted)
      screen.warn(`the demo's Receiver is not ready after ${receiverMs / 1000} s; ${paths.log} may say why`);
  }
  stop.throwIfAborted();
  const local: LocalFile = {
    kubeconfig: cluster.file,
    api: cluster.server,
    gateway: host.url,
    ...(demo && { webhook: demo.webhook, demoRepository: demo.repository }),
    notifications: `${host.url}/notifications`,
    pid: process.pid,
    startedAt: startedAt.toISOString(),
  };
  await writeLocalFile(paths.local, local);
  screen.ready(local, Date.now() - startedAt.getTime(), { sandbox: !options.kubeconfig, log: paths.log });
}

/** On the port that was asked for, or else on that of last time, or any. */
function hostOn(options: StartOptions, lastPort: number, observe: (seen: Observation) => void): Promise<Host> {
  const start = (port: number) =>
    startHost({
      dir: options.paths.root,
      port,
      observe,
      ...(options.listen && { listen: options.listen }),
      ...(options.publicUrl && { publicUrl: options.publicUrl }),
    }).catch(error => {
      throw listenFailure(error, options) ?? error;
    });
  if (options.port === 0) return onLastPort(lastPort, start);
  return start(options.port);
}

function listenFailure(error: { code?: unknown }, { port, listen }: StartOptions): CommandError | undefined {
  if (error.code === 'EADDRINUSE' && port !== 0)
    return new CommandError(`port ${port} is in use; choose another one with --port, or 0 for any free one`);
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new CommandError(
      `the gateway cannot listen on ${listen}, which is no address of this machine; correct --listen`,
    );
  if (error.code === 'EACCES' && port !== 0)
    return new CommandError(`the gateway may not listen on port ${port}; choose one above 1023 with --port`);
  return undefined;
}

interface Reached {
  /** Path of the kubeconfig for the user. */
  file: string;
  server: string;
  /** The kubeconfig as it is registered. */
  registered: string;
}

async function reachCluster(
  options: StartOptions,
  lastPort: number,
  runtime: Partial<Runtime>,
  host: Host,
): Promise<Reached> {
  const { paths, kubeconfig } = options;
  if (kubeconfig) {
    const file = resolve(kubeconfig.file);
    const { text, server } = minifyKubeconfig(readKubeconfig(file), file, kubeconfig.context);
    return { file, server, registered: text };
  }
  const { log } = host.ports;
  const sandbox = await startSandboxProcess({ dir: paths.sandbox, port: lastPort, logFile: paths.sandboxLog, log });
  runtime.sandbox = sandbox;
  await writeFileAtomically(paths.kubeconfig, sandbox.kubeconfig);
  return { file: paths.kubeconfig, server: sandbox.url, registered: sandbox.kubeconfig };
}

function readKubeconfig(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`the kubeconfig cannot be read: ${(error as Error).message}`);
  }
}

/** The file tells of a running host; one that could not even start must leave another's alone. */
async function removeLocalFileOf(options: StartOptions, runtime: Partial<Runtime>): Promise<void> {
  if (runtime.host) await removeLocalFile(options.paths.local);
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    // A promise alone keeps no process alive; the gateway does.
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
