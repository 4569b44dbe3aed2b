import { spawn } from 'node:child_process';
import { BuildError } from './build-error.ts';

export interface ProcessOptions {
  kubectl: string;
  /** The directory to build. */
  directory: string;
  /** The folder of the build, which alone the process needs; kept out of messages. */
  root: string;
  timeoutMs: number;
  maxOutputBytes: number;
  signal?: AbortSignal | undefined;
}

/**
 * Runs `kubectl kustomize` and returns what it prints. The process inherits no environment: no credentials, no
 * PATH by which it could find git or helm, and a proxy that refuses connections, so that an address that slipped through
 * the checks before is not fetched either.
 */
export async function runKustomize(options: ProcessOptions): Promise<string> {
  const { stdout, stderr, failure } = await collect(options);
  if (failure === undefined) return stdout;
  if (options.signal?.aborted) throw options.signal.reason;
  throw new BuildError(`kustomize build failed: ${failure || readable(stderr, options)}`);
}

const closedProxy = 'http://127.0.0.1:0';

function environment(root: string): Record<string, string> {
  return {
    PATH: '',
    HOME: root,
    TMPDIR: root,
    HTTP_PROXY: closedProxy,
    HTTPS_PROXY: closedProxy,
    KUBECTL_KUBERC: 'false',
    // A short-lived process need not collect garbage, unless a large build fills the memory.
    GOGC: 'off',
    GOMEMLIMIT: '160MiB',
  };
}

interface Result {
  stdout: string;
  stderr: string;
  /** Undefined when all went well; '' when stderr tells what went wrong. */
  failure: string | undefined;
}

const maxErrorBytes = 64 * 1024;

function collect(options: ProcessOptions): Promise<Result> {
  return new Promise((resolve, reject) => {
    const args = ['kustomize', options.directory, '--load-restrictor=LoadRestrictionsRootOnly'];
    const child = spawn(options.kubectl, args, {
      cwd: options.root,
      env: environment(options.root),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], bytes: 0, errorBytes: 0 };
    let failure: string | undefined;
    const stop = (why: string) => {
      failure ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`it took longer than ${options.timeoutMs / 1000}s`), options.timeoutMs);
    const abort = () => stop('it was cancelled');
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted) abort();
    child.stdout.on('data', (chunk: Buffer) => {
      output.bytes += chunk.length;
      if (output.bytes > options.maxOutputBytes)
        stop(`the manifests are larger than ${options.maxOutputBytes} bytes; split the Kustomization`);
      else output.stdout.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.errorBytes += chunk.length;
      if (output.errorBytes <= maxErrorBytes) output.stderr.push(chunk);
    });
    const settle = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
    };
    child.on('error', cause => {
      settle();
      reject(new BuildError(`cannot run ${options.kubectl}: ${cause.message}`, { cause }));
    });
    child.on('close', code => {
      settle();
      resolve({
        stdout: Buffer.concat(output.stdout).toString('utf8'),
        stderr: Buffer.concat(output.stderr).toString('utf8'),
        failure: failure ?? (code === 0 ? undefined : ''),
      });
    });
  });
}

/** Kustomize's complaint without the paths of this machine, and without the warnings before it. */
function readable(stderr: string, options: ProcessOptions): string {
  const error = stderr.slice(Math.max(stderr.lastIndexOf('\nerror: ') + 1, 0)).replace(/^error: /, '');
  const text = error.replaceAll(`${options.root}/`, '').replaceAll(options.root, '.').trim();
  return text || 'kustomize gave no reason';
}
