/**
 * Builds kube-apiserver, kube-controller-manager and etcd from their Go modules, once per version, into a cache outside
 * the checkout. About four minutes on two cores the first time, nothing afterwards.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

export interface Binaries {
  etcd: string;
  apiserver: string;
  controllerManager: string;
}

const names = { etcd: 'etcd', apiserver: 'kube-apiserver', controllerManager: 'kube-controller-manager' };

/** The version of Kubernetes that go.mod pins, e.g. `1.36.3`. */
export function kubernetesVersion(): string {
  const version = /k8s\.io\/kubernetes v(\S+)/.exec(readFileSync(join(here, 'kube/go.mod'), 'utf8'))?.[1];
  if (!version) throw new Error('test/apiserver/kube/go.mod names no version of k8s.io/kubernetes');
  return version;
}

function cacheDir(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice', `apiserver-${kubernetesVersion()}`);
}

/** The binaries when they have been built before; undefined otherwise. */
export function builtBinaries(): Binaries | undefined {
  const dir = cacheDir();
  const binaries = { etcd: '', apiserver: '', controllerManager: '' };
  for (const [key, name] of Object.entries(names)) {
    const path = join(dir, name);
    if (!existsSync(path)) return undefined;
    binaries[key as keyof Binaries] = path;
  }
  return binaries;
}

/** Whether a Go toolchain is there to build with. */
export function goPresent(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The binaries, built first when they are not there. Throws with the compiler's output when that fails. */
export async function buildBinaries(say: (line: string) => void = () => {}): Promise<Binaries> {
  const present = builtBinaries();
  if (present) return present;
  const version = kubernetesVersion();
  const [major, minor] = version.split('.');
  mkdirSync(dirname(cacheDir()), { recursive: true });
  // Built beside the cache and moved in one step, so that an interrupted build leaves nothing half-done behind.
  const out = mkdtempSync(`${cacheDir()}-`);
  const variables = `-X k8s.io/component-base/version.gitVersion=v${version} -X k8s.io/component-base/version.gitMajor=${major} -X k8s.io/component-base/version.gitMinor=${minor}`;
  const build = (dir: string, target: string, name: string) => {
    say(`building ${name}`);
    const args = ['build', '-trimpath', '-ldflags', `-s -w ${variables}`, '-o', join(out, name), target];
    return run('go', args, { cwd: join(here, dir), maxBuffer: 1 << 26 });
  };
  try {
    await build('etcd', 'go.etcd.io/etcd/server/v3', names.etcd);
    await build('kube', 'k8s.io/kubernetes/cmd/kube-apiserver', names.apiserver);
    await build('kube', 'k8s.io/kubernetes/cmd/kube-controller-manager', names.controllerManager);
    rmSync(cacheDir(), { recursive: true, force: true });
    renameSync(out, cacheDir());
  } catch (error) {
    rmSync(out, { recursive: true, force: true });
    throw error;
  }
  return builtBinaries()!;
}
