import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { awsPorts } from '../shared/aws/aws-ports.ts';
import { cloudEnvironment } from '../shared/ports/cloud.ts';
import type { Ports } from '../shared/ports/ports.ts';

const url = z.url({ protocol: /^https?$/ });

/** What the stack sets for every function (infra/constructs). */
const Config = z.object({
  /** Name of the installation: heads the names of its secrets. */
  SLUICE_NAME: z.string().min(1),
  SLUICE_BUCKET: z.string().min(1),
  SLUICE_TABLE: z.string().min(1),
  SLUICE_SOURCE_QUEUE_URL: url,
  SLUICE_KUSTOMIZE_QUEUE_URL: url,
  SLUICE_NOTIFICATION_QUEUE_URL: url,
  SLUICE_TIMER_QUEUE_URL: url,
  /** Base URL of the artifact function; those that make no artifacts have none. */
  SLUICE_ARTIFACTS_URL: url.transform(text => text.replace(/\/+$/, '')).optional(),
  /** For S3-compatible servers that know buckets by path only. */
  SLUICE_S3_PATH_STYLE: z.stringbool().default(false),
  /** Whether users' addresses may lead to the machine itself; only for tests, whose servers are there. */
  SLUICE_ALLOW_LOOPBACK: z.stringbool().default(false),
  /** Requests under way at a time to one cluster, from this process. */
  SLUICE_CLUSTER_REQUESTS: z.coerce.number().int().min(1).optional(),
  SLUICE_LOG_LEVEL: z.enum(['info', 'warn', 'error']).default('info'),
});

/**
 * Gives temporary files a folder of their own, which a fresh process empties: what an invocation that was killed left behind
 * outlives its process, and would fill the disk.
 */
function ownTemporary(): void {
  const folder = join(tmpdir(), 'sluice');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder;
}

let made: Ports | undefined;

/**
 * `#ports` of the functions on AWS, as the environment asks for them. Made once per process and shared by all its
 * invocations, so that connections stay open between them; every line of this one tells `requestId`. On one machine,
 * ports-local.ts stands in its place.
 */
export async function ports(requestId?: string): Promise<Ports> {
  made ??= compose(process.env);
  if (requestId === undefined) return made;
  return { ...made, log: made.log.with({ requestId }), metrics: made.metrics.with({ requestId }) };
}

function compose(env: NodeJS.ProcessEnv): Ports {
  const config = Config.safeParse(env);
  if (!config.success) throw new Error(`the environment is not as it should be:\n${z.prettifyError(config.error)}`);
  const { data } = config;
  ownTemporary();
  const own = awsPorts({
    name: data.SLUICE_NAME,
    bucket: data.SLUICE_BUCKET,
    table: data.SLUICE_TABLE,
    queues: {
      source: data.SLUICE_SOURCE_QUEUE_URL,
      kustomize: data.SLUICE_KUSTOMIZE_QUEUE_URL,
      notification: data.SLUICE_NOTIFICATION_QUEUE_URL,
      timer: data.SLUICE_TIMER_QUEUE_URL,
    },
    artifactsUrl: data.SLUICE_ARTIFACTS_URL ?? '',
    pathStyle: data.SLUICE_S3_PATH_STYLE,
    refuseLoopback: !data.SLUICE_ALLOW_LOOPBACK,
    level: data.SLUICE_LOG_LEVEL,
    clusterRequests: data.SLUICE_CLUSTER_REQUESTS,
  });
  return { ...own, cloud: cloudEnvironment(env) };
}
