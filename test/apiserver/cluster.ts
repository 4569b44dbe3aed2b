/** A real Kubernetes control plane on this machine: etcd, kube-apiserver, kube-controller-manager; no kubelet. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../programs/free-port.ts';
import type { Binaries } from './build.ts';
import { builtBinaries } from './build.ts';

export interface Apiserver {
  url: string;
  /** A kubeconfig of the cluster's administrator (group system:masters), as YAML. */
  kubeconfig: string;
  kubeconfigFile: string;
  token: string;
  /** PEM. */
  ca: string;
  /** Stops kube-apiserver alone, as an outage does; etcd keeps the objects. */
  pause(): Promise<void>;
  /** Starts kube-apiserver again at the same address. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

interface Options {
  /** Folder for data, keys and logs. */
  dir: string;
  binaries?: Binaries;
  /** Without it nothing creates ReplicaSets, Pods or service accounts, and start is a second faster. Default true. */
  controllerManager?: boolean;
}

/** Starts the control plane and waits until it is ready, about five seconds. Throws when the binaries are not built. */
export async function startApiserver(options: Options): Promise<Apiserver> {
  const binaries = options.binaries ?? builtBinaries();
  if (!binaries) throw new Error('kube-apiserver is not built; run `npm run test:apiserver` once');
  const { dir } = options;
  mkdirSync(dir, { recursive: true });
  const [etcdPort, peerPort, port] = await freePorts(3);
  const keys = writeKeys(dir);
  const children = new Map<string, ChildProcess>();
  // A test that is ended from outside leaves none of them behind.
  process.once('exit', () => {
    for (const child of children.values()) child.kill('SIGKILL');
  });
  const start = (name: string, command: string, args: string[]) => {
    // Its own file: a pipe would hold it up while this process is busy.
    const log = openSync(join(dir, `${name}.log`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    children.set(name, child);
    return child;
  };
  const startServer = async () => {
    const child = start('kube-apiserver', binaries.apiserver, apiserverFlags(dir, port!, etcdPort!, keys));
    await ready(child, `https://127.0.0.1:${port}`, keys.token, join(dir, 'kube-apiserver.log'));
  };
  start('etcd', binaries.etcd, etcdFlags(dir, etcdPort!, peerPort!));
  await startServer();
  const url = `https://127.0.0.1:${port}`;
  const ca = readFileSync(join(dir, 'certs/apiserver.crt'), 'utf8');
  const kubeconfig = kubeconfigOf(url, ca, keys.token);
  const kubeconfigFile = join(dir, 'kubeconfig');
  writeFileSync(kubeconfigFile, kubeconfig, { mode: 0o600 });
  if (options.controllerManager !== false)
    start('kube-controller-manager', binaries.controllerManager, managerFlags(kubeconfigFile, keys));
  const stop = async () => {
    await kill(children.get('kube-controller-manager'));
    await kill(children.get('kube-apiserver'));
    await kill(children.get('etcd'));
  };
  return {
    url,
    kubeconfig,
    kubeconfigFile,
    token: keys.token,
    ca,
    pause: () => kill(children.get('kube-apiserver'), 'SIGKILL'),
    resume: startServer,
    stop,
  };
}

interface Keys {
  token: string;
  tokenFile: string;
  privateKey: string;
  publicKey: string;
}

function writeKeys(dir: string): Keys {
  const keys = {
    token: randomBytes(24).toString('hex'),
    tokenFile: join(dir, 'tokens.csv'),
    privateKey: join(dir, 'sa.key'),
    publicKey: join(dir, 'sa.pub'),
  };
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(keys.privateKey, pair.privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  writeFileSync(keys.publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(keys.tokenFile, `${keys.token},admin,admin,"system:masters"\n`, { mode: 0o600 });
  return keys;
}

function etcdFlags(dir: string, port: number, peerPort: number): string[] {
  return [
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${port}`,
    `--advertise-client-urls=http://127.0.0.1:${port}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    '--log-level=error',
    // A test's etcd need not survive a power cut; the disk's fsync would be what every benchmark measures.
    '--unsafe-no-fsync',
  ];
}

function apiserverFlags(dir: string, port: number, etcdPort: number, keys: Keys): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(dir, 'certs')}`,
    `--token-auth-file=${keys.tokenFile}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${keys.publicKey}`,
    `--service-account-signing-key-file=${keys.privateKey}`,
    '--endpoint-reconciler-type=none',
    '--v=1',
  ];
}

function managerFlags(kubeconfigFile: string, keys: Keys): string[] {
  return [
    `--kubeconfig=${kubeconfigFile}`,
    `--service-account-private-key-file=${keys.privateKey}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    '--concurrent-deployment-syncs=10',
    '--concurrent-replicaset-syncs=10',
    '--concurrent-gc-syncs=20',
    '--v=1',
  ];
}

function kubeconfigOf(server: string, ca: string, token: string): string {
  return `apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster:
      server: ${server}
      certificate-authority-data: ${Buffer.from(ca).toString('base64')}
users:
  - name: admin
    user:
      token: ${token}
contexts:
  - name: test
    context: { cluster: test, user: admin }
current-context: test
`;
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

async function ready(child: ChildProcess, url: string, token: string, log: string): Promise<void> {
  for (;;) {
    const end = child.exitCode ?? child.signalCode;
    if (end !== null) throw new Error(`kube-apiserver stopped with ${end}; see ${log}`);
    if (await answers(`${url}/readyz`, token)) return;
    await delay(50);
  }
}

/** 200 from a server whose certificate it has just made itself: the certificate is read, and trusted, afterwards. */
function answers(url: string, token: string): Promise<boolean> {
  return new Promise(resolve => {
    const call = request(
      url,
      { rejectUnauthorized: false, headers: { authorization: `Bearer ${token}` } },
      response => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    call.on('error', () => resolve(false));
    call.end();
  });
}

async function kill(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()));
  child.kill(signal);
  const patience = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(patience);
}

/**
 * Why tests on the real API server do not run now; undefined when they do. They are left to their own command, so that
 * `npm test` does and costs the same on every machine, whether the binaries happen to be there or not.
 */
export function apiserverMissing(): string | undefined {
  const asked = process.env.SLUICE_TEST_TARGET === 'apiserver';
  return asked && builtBinaries() ? undefined : 'on the real API server: `npm run test:apiserver`';
}
