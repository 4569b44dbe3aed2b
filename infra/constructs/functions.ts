import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Architecture, FunctionUrlAuthType, InvokeMode, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';
import { type FunctionName, functionNames } from '../function-settings.ts';
import { pascalCase } from '../pascal-case.ts';
import { Permissions } from '../permissions.ts';
import type { StateStack } from '../stacks/state.ts';
import type { QueueKey, WorkerQueue } from './queue-worker.ts';
import { type Network, WorkerFunction } from './worker-function.ts';

export interface FunctionsProps {
  config: Config;
  state: StateStack;
  bundles: Record<FunctionName, string>;
  queues: Record<QueueKey, WorkerQueue>;
  network: Network | undefined;
}

/** Those that sign in to clusters; the others stay out of the VPC. */
export const seesClusters: ReadonlySet<FunctionName> = new Set([
  'webhook',
  'source',
  'kustomize',
  'notification',
  'schedule',
  'dead-letter',
]);

/** All functions, each with what it needs and nothing else. */
export class Functions extends Construct {
  /** Base URL of the artifact function, no trailing slash wanted by who reads it. */
  readonly artifactsUrl: string;
  readonly #all = new Map<FunctionName, WorkerFunction>();
  readonly #props: FunctionsProps;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    this.#props = props;
    const needs = needsOf(new Permissions(props.state, props.config), props.queues);
    const artifact = this.#make('artifact', needs.artifact, {});
    // Open to everyone: each address carries a token that cannot be guessed, and who fetches artifacts cannot sign for AWS.
    this.artifactsUrl = artifact.function.addFunctionUrl({
      authType: FunctionUrlAuthType.NONE,
      invokeMode: InvokeMode.RESPONSE_STREAM,
    }).url;
    const environment = { SLUICE_ARTIFACTS_URL: this.artifactsUrl };
    for (const name of functionNames)
      if (name !== 'artifact') this.#make(name, needs[name], makesArtifacts.has(name) ? environment : {});
  }

  /** The function of that name. */
  get(name: FunctionName): LambdaFunction {
    return this.#all.get(name)!.function;
  }

  roleOf(name: FunctionName): Role {
    return this.#all.get(name)!.role;
  }

  #make(name: FunctionName, statements: PolicyStatement[], more: Record<string, string>): WorkerFunction {
    const { config, bundles, network } = this.#props;
    const made = new WorkerFunction(this, pascalCase(name), {
      name,
      config,
      code: bundles[name],
      environment: { ...this.#environment(name), ...more },
      statements,
      network: seesClusters.has(name) ? network : undefined,
      ...(name === 'kustomize' && {
        layer: new KubectlV36Layer(this, 'Kubectl'),
        // The layer's kubectl is built for this one.
        architecture: Architecture.X86_64,
      }),
    });
    this.#all.set(name, made);
    return made;
  }

  /** Read by functions/ports-aws.ts and the functions' config.ts. */
  #environment(name: FunctionName): Record<string, string> {
    const { config, state, queues } = this.#props;
    const { noCrossNamespaceRefs, defaultServiceAccount } = config.tenancy;
    return {
      SLUICE_NAME: config.name,
      SLUICE_BUCKET: state.artifacts.bucketName,
      SLUICE_TABLE: state.index.tableName,
      SLUICE_SOURCE_QUEUE_URL: queues.source.queue.queueUrl,
      SLUICE_KUSTOMIZE_QUEUE_URL: queues.kustomize.queue.queueUrl,
      SLUICE_NOTIFICATION_QUEUE_URL: queues.notification.queue.queueUrl,
      SLUICE_TIMER_QUEUE_URL: queues.timer.queue.queueUrl,
      SLUICE_LOG_LEVEL: config.logLevel,
      ...(config.clusterRequests && { SLUICE_CLUSTER_REQUESTS: String(config.clusterRequests) }),
      ...(checksReferences.has(name) && { SLUICE_NO_CROSS_NAMESPACE_REFS: String(noCrossNamespaceRefs) }),
      ...(name === 'source' && state.sourcesRole && { [sourcesRole]: state.sourcesRole.roleArn }),
      ...(name === 'webhook' && { SLUICE_HOOK_DEADLINE_MS: String(config.webhook.deadline) }),
      ...(name === 'kustomize' && defaultServiceAccount && { SLUICE_DEFAULT_SERVICE_ACCOUNT: defaultServiceAccount }),
    };
  }
}

/** Read by shared/cloud, with what else the environment says of clouds. */
const sourcesRole = 'SLUICE_SOURCES_ROLE_ARN';

/** Those that write `status.artifact.url`, or compare it with ours. */
const makesArtifacts: ReadonlySet<FunctionName> = new Set(['source', 'schedule', 'kustomize']);
const checksReferences: ReadonlySet<FunctionName> = new Set(['webhook', 'source', 'kustomize', 'notification']);

/** The table of who may do what; infra/permissions.test.ts says it a second time, in AWS's words. */
function needsOf(may: Permissions, queues: Record<QueueKey, WorkerQueue>): Record<FunctionName, PolicyStatement[]> {
  const fifo = [queues.source.queue, queues.kustomize.queue, queues.notification.queue];
  const timer = queues.timer.queue;
  return {
    webhook: [
      ...may.index('read'),
      ...may.store({ put: ['pending'] }),
      ...may.send([...fifo, timer]),
      ...may.clusters(),
    ],
    artifact: [...may.store({ get: ['artifacts'] }), ...may.artifactUrlKey()],
    source: [
      ...may.receive([queues.source.queue]),
      ...may.index('write'),
      ...may.store({ get: ['artifacts', 'sources'], put: ['artifacts', 'sources'] }),
      ...may.artifactUrlKey(),
      ...may.send([...fifo, timer]),
      ...may.clusters(),
      ...may.sources(),
    ],
    kustomize: [
      ...may.receive([queues.kustomize.queue]),
      ...may.index('write'),
      ...may.store({
        get: ['artifacts', 'builds', 'applying'],
        put: ['builds', 'applying'],
        delete: ['applying'],
      }),
      ...may.send([...fifo, timer]),
      ...may.clusters(),
    ],
    notification: [
      ...may.receive([queues.notification.queue]),
      ...may.index('write'),
      ...may.store({ get: ['pending'], delete: ['pending'] }),
      ...may.send([...fifo, timer]),
      ...may.clusters(),
    ],
    timer: [...may.receive([timer]), ...may.send(fifo)],
    schedule: [
      ...may.index('write'),
      ...may.due(),
      ...may.store({
        get: ['sweep'],
        put: ['sweep'],
        delete: ['artifacts', 'builds', 'applying', 'pending', 'sources'],
      }),
      ...may.send(fifo),
      ...may.clusters(),
    ],
    'dead-letter': [
      ...may.receive(Object.values(queues).map(queue => queue.deadLetters)),
      ...may.index('write'),
      ...may.send([queues.notification.queue]),
      ...may.clusters(),
    ],
    'cloud-event': [...may.index('read'), ...may.send([queues.source.queue])],
  };
}
