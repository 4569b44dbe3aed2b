/** The functions of an installation, and the environment that the stack would give them. */
import { type FunctionName, functions } from '../../shared/local/functions.ts';
import { kubectlPath } from '../../shared/manifests/layer.ts';
import { type FunctionLine, type Lambda, startLambda } from './lambda.ts';
import { installLambda } from './lambda-programs.ts';
import { bundles } from './runtime-bundles.ts';

/**
 * Environments per function at most: the machine has few cores, and each is a process. More than one or two for the workers,
 * since ElasticMQ takes any group of a queue that it has messages of, where SQS takes those that wait longest: with too few
 * workers for what comes due all the time, others wait without end.
 */
const concurrency: Record<FunctionName, number> = {
  webhook: 2,
  artifact: 1,
  source: 4,
  kustomize: 4,
  notification: 2,
  timer: 1,
  schedule: 1,
  'dead-letter': 1,
  'cloud-event': 1,
};

export interface RuntimeFunctionsOptions {
  /** What all functions are given: names and addresses of the installation, and where its servers are. */
  env: Record<string, string>;
  /** Seconds at most, for tests that wait for the messages of workers that died. */
  timeoutSeconds: number;
  onLine(line: FunctionLine): void;
}

export type RuntimeFunctions = Record<FunctionName, Lambda>;

/** Nothing runs until it is invoked. */
export async function startFunctions(options: RuntimeFunctionsOptions): Promise<RuntimeFunctions> {
  const [folders, programs, kubectl] = await Promise.all([bundles(), installLambda(), kubectlPath()]);
  const start = (name: FunctionName): Lambda =>
    startLambda({
      ...programs,
      name,
      folder: folders[name]!,
      // The layer, which brings kubectl on Lambda, is not here.
      env: { ...options.env, ...(name === 'kustomize' && { SLUICE_KUBECTL: kubectl }) },
      timeoutSeconds: Math.min(functions[name].timeoutSeconds * slack(name), options.timeoutSeconds),
      memoryMb: 512,
      concurrency: concurrency[name],
      onLine: options.onLine,
    });
  return Object.fromEntries(
    Object.keys(functions).map(name => [name, start(name as FunctionName)]),
  ) as RuntimeFunctions;
}

/** On Lambda each worker has a core of its own; here all share a few with the servers, and with whatever else runs. */
function slack(name: FunctionName): number {
  return name === 'source' || name === 'kustomize' ? 2 : 1;
}

/** Invocations at a time that a queue's event source may ask of a function. */
export function concurrencyOf(name: FunctionName): number {
  return concurrency[name];
}
