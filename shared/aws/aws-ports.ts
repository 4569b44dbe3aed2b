import { type RegisteredOptions, registeredClusters } from '../kube/registered.ts';
import { systemClock } from '../ports/clock.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Log, Ports } from '../ports/ports.ts';
import type { QueueName } from '../ports/queue.ts';
import type { LogLevel } from '../reconcile/log-lines.ts';
import { DynamoIndex } from './dynamo-index.ts';
import { emfMetrics } from './emf-metrics.ts';
import { S3Store } from './s3-store.ts';
import { SecretsManager } from './secrets-manager.ts';
import { SqsQueue } from './sqs-queue.ts';
import { stdoutLog } from './stdout-log.ts';

/** Where an installation on AWS keeps what it has. Credentials are found as the SDK finds them. */
export interface AwsInstallation {
  /** Its name; heads the names of its secrets. */
  name: string;
  /** Bucket of the artifacts. */
  bucket: string;
  /** DynamoDB table of the index. */
  table: string;
  /** URLs of the queues. */
  queues: Record<QueueName | 'timer', string>;
  /** Base URL of the artifact function; no trailing slash. Empty for those who make no artifacts. */
  artifactsUrl: string;
}

export interface AwsOptions extends AwsInstallation {
  /** Where the installation is. Default: as the SDK finds it. */
  region?: string;
  /** Address the bucket by path and not by host name, as some S3-compatible servers want it. */
  pathStyle?: boolean;
  /** Whether users' addresses may not lead to this machine itself; Lambda's runtime API listens there. Default: true. */
  refuseLoopback?: boolean;
  level?: LogLevel;
  /** Default: lines on standard output, of `level`. */
  log?: Log;
  /** Default: embedded in lines on standard output. */
  metrics?: Metrics;
  /** How clusters that are registered by their EKS name are signed in to. Default: as the registration says. */
  eks?: RegisteredOptions['eks'];
  /** Requests under way at a time to one cluster, from this process. */
  clusterRequests?: number | undefined;
}

/** The ports on AWS. Clients are made once and connect when they are first used. */
export function awsPorts(options: AwsOptions): Ports {
  const clock = systemClock;
  const place = options.region ? { region: options.region } : {};
  const index = new DynamoIndex({ table: options.table, clock, ...place });
  const secrets = new SecretsManager({ prefix: `sluice/${options.name}/`, clock, ...place });
  const clusters = registeredClusters(index, secrets, {
    ...(options.clusterRequests && { maxInFlight: options.clusterRequests }),
    eks: options.eks ?? (async (name, access) => (await import('./eks-access.ts')).eksAccess(name, access, clock)),
  });
  return {
    store: new S3Store({ bucket: options.bucket, pathStyle: options.pathStyle ?? false, ...place }),
    queue: new SqsQueue({ urls: options.queues, ...place }),
    index,
    secrets,
    clusters,
    clock,
    artifactsUrl: options.artifactsUrl,
    log: options.log ?? stdoutLog(clock, options.level),
    metrics: options.metrics ?? emfMetrics({ name: options.name, clock }),
    refuseLoopback: options.refuseLoopback ?? true,
  };
}
