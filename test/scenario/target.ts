/** The cluster that a scenario runs on: the sandbox, or a real kube-apiserver with a stand-in for its nodes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../../shared/kube/client.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import { startApiserver } from '../apiserver/cluster.ts';
import { runKubelet } from '../apiserver/kubelet.ts';
import { freePort } from '../programs/free-port.ts';

export interface Target {
  kind: 'sandbox' | 'apiserver';
  kubeconfig: string;
  kubeconfigFile: string;
  /** The API server is gone, without a word, as in an outage. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the target that SLUICE_TEST_TARGET names (`sandbox` unless it says `apiserver`). */
export async function startTarget(dir: string): Promise<Target> {
  mkdirSync(dir, { recursive: true });
  return process.env.SLUICE_TEST_TARGET === 'apiserver' ? startReal(dir) : startSandboxProcess(dir);
}

async function startReal(dir: string): Promise<Target> {
  const server = await startApiserver({ dir });
  const nodes = new AbortController();
  void runKubelet(connect('nodes', await accessFromKubeconfig(server.kubeconfig)), nodes.signal);
  return {
    kind: 'apiserver',
    kubeconfig: server.kubeconfig,
    kubeconfigFile: server.kubeconfigFile,
    pause: server.pause,
    resume: server.resume,
    stop: async () => {
      nodes.abort();
      await server.stop();
    },
  };
}

const endWithParent = new URL('../../shared/local/end-with-parent.ts', import.meta.url).href;
const sandboxMain = join(dirname(fileURLToPath(import.meta.url)), '../../shared/sandbox/main.ts');

/** A sandbox of its own, in `dir`, which exists. */
export async function startSandboxProcess(dir: string): Promise<Target> {
  let child: ChildProcess | undefined;
  // Not to be taken by another test while the server is away.
  let port = await freePort();
  const start = async () => {
    const process_ = spawn(
      process.execPath,
      ['--import', endWithParent, sandboxMain, '--dir', dir, '--port', String(port)],
      { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    );
    child = process_;
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      process_.stdout!.on('data', chunk => {
        text += chunk;
        if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
      });
      process_.once('exit', code => reject(new Error(`the sandbox stopped with ${code}`)));
    });
    const ready = JSON.parse(line);
    port = Number(new URL(ready.url).port);
    return ready;
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise(resolve => child?.once('exit', resolve));
    child.kill(signal);
    await gone;
  };
  const ready = await start();
  const kubeconfig = ready.kubeconfig.includes('\n') ? ready.kubeconfig : readFileSync(ready.kubeconfig, 'utf8');
  const kubeconfigFile = join(dir, 'test.kubeconfig');
  writeFileSync(kubeconfigFile, kubeconfig, { mode: 0o600 });
  return {
    kind: 'sandbox',
    kubeconfig,
    kubeconfigFile,
    pause: () => end('SIGKILL'),
    resume: async () => void (await start()),
    stop: () => end('SIGTERM'),
  };
}
