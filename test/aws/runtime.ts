/**
 * Sluice on AWS, on this machine: the bundles that would be uploaded, run by AWS's own programs, on servers that stand for
 * S3, SQS, DynamoDB and Secrets Manager, behind what stands for API Gateway, function URLs, event source mappings and
 * EventBridge. For scenarios, in place of the local runtime.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSEvent } from 'aws-lambda';
import { awsPorts } from '../../shared/aws/aws-ports.ts';
import { installAtStart } from '../../shared/cli/start-install.ts';
import { type FunctionName, mappings } from '../../shared/local/functions.ts';
import type { ReceivableQueue } from '../../shared/local/queue-consumer.ts';
import { scheduleEvent } from '../../shared/local/schedule-event.ts';
import type { Ports } from '../../shared/ports/ports.ts';
import type { Runtime } from '../scenario/world.ts';
import { type EventSource, startEventSource } from './event-source.ts';
import { type Front, startFunctionUrl, startHttpApi } from './gateway.ts';
import { createBucket, createQueues, type Queues } from './installation.ts';
import type { FunctionLine } from './lambda.ts';
import { concurrencyOf, type RuntimeFunctions, startFunctions } from './runtime-functions.ts';
import { type Stored, storedItems, storedObjects } from './runtime-stored.ts';
import { type AwsServers, credentials, region, startAwsServers } from './servers.ts';
import { createTable } from './table.ts';

/** Name under which the cluster is registered. */
export const clusterName = 'east';

export interface AwsRuntimeOptions {
  /** Folder for logs. */
  dir: string;
  kubeconfig: string;
  /** Seconds: of the functions at most, and until the message of one that died comes back. */
  timeoutSeconds?: number;
  visibilitySeconds?: number;
  /** Environment of the functions that differs, such as the address of a proxy before one of the servers. */
  env?(servers: AwsServers): Promise<Record<string, string>>;
  /** Told of each line that a function writes. */
  onLine?(line: FunctionLine): void;
  /** Around each invocation by a queue: to see it, or to have it twice. */
  around?(invocation: QueueInvocation, invoke: () => Promise<unknown>): Promise<unknown>;
}

export interface QueueInvocation {
  function: FunctionName;
  queue: ReceivableQueue;
  event: SQSEvent;
}

export interface AwsRuntime extends Runtime {
  servers: AwsServers;
  /** As the functions have them, for the test itself. */
  ports: Ports;
  queues: Queues;
  /** Those that run now. */
  functions(): RuntimeFunctions;
}

/** Names of what one installation has on the servers. */
interface Installed {
  name: string;
  bucket: string;
  table: string;
  queues: Queues;
}

/** Makes an installation and starts it; ready when it takes webhooks and follows the cluster. */
export async function startAwsRuntime(options: AwsRuntimeOptions): Promise<AwsRuntime> {
  mkdirSync(options.dir, { recursive: true });
  const servers = await startAwsServers();
  // The SDK of this process is to find the servers as the functions' own does.
  Object.assign(process.env, servers.env);
  const installed = await install(servers, options.visibilitySeconds ?? 270);
  const { name, bucket, table, queues } = installed;
  const ports = awsPorts({
    name,
    bucket,
    table,
    queues: queues.urls,
    artifactsUrl: '',
    pathStyle: true,
    level: 'error',
  });
  await ports.secrets.put('cluster', options.kubeconfig);
  const access = { type: 'kubeconfig', secret: 'cluster' } as const;
  await ports.index.addCluster({ name: clusterName, access, changes: 'sweep', addedAt: Date.now() });
  const warn = (text: string) => Promise.reject(new Error(text));
  const stop = new AbortController();
  await installAtStart(await ports.clusters.get(clusterName), { known: false, stop: stop.signal, warn });
  const env = { ...servers.env, ...(await options.env?.(servers)) };
  const running = new RunningRuntime(options, { servers, ports, installed, env });
  await running.start();
  return running;
}

async function install(servers: AwsServers, visibilitySeconds: number): Promise<Installed> {
  const name = `t${randomBytes(6).toString('hex')}`;
  const [bucket, table] = [`${name}-artifacts`, `${name}-index`];
  const [queues] = await Promise.all([
    createQueues(servers, name, visibilitySeconds),
    createBucket(servers, bucket),
    makeTable(servers, table),
  ]);
  return { name, bucket, table, queues };
}

async function makeTable(servers: AwsServers, table: string): Promise<void> {
  const client = new DynamoDBClient({ endpoint: servers.dynamodb, region, credentials });
  try {
    await createTable(client, table);
  } finally {
    client.destroy();
  }
}

/** What outlives a kill. */
interface Parts {
  servers: AwsServers;
  ports: Ports;
  installed: Installed;
  /** Of the functions, beside what names the installation. */
  env: Record<string, string>;
}

/** What is gone with a kill. */
interface Alive {
  functions: RuntimeFunctions;
  sources: EventSource[];
  fronts: Front[];
  /** Aborted: the schedule ends. */
  end: AbortController;
  schedule: Promise<void>;
}

class RunningRuntime implements AwsRuntime {
  readonly #options: AwsRuntimeOptions;
  readonly #installed: Installed;
  readonly #env: Record<string, string>;
  #alive: Alive | undefined;
  #log = '';
  #ports = { api: 0, url: 0 };
  readonly servers: AwsServers;
  readonly ports: Ports;
  readonly pid = process.pid;
  gateway = '';

  constructor(options: AwsRuntimeOptions, parts: Parts) {
    this.#options = options;
    this.servers = parts.servers;
    this.ports = parts.ports;
    this.#installed = parts.installed;
    this.#env = parts.env;
  }

  get dir(): string {
    return this.#options.dir;
  }

  get queues(): Queues {
    return this.#installed.queues;
  }

  log(): string {
    return this.#log;
  }

  functions(): RuntimeFunctions {
    if (!this.#alive) throw new Error('the runtime is stopped');
    return this.#alive.functions;
  }

  async start(): Promise<void> {
    let started: RuntimeFunctions | undefined;
    const onError = (what: string) => (error: unknown) => this.#write({ function: what, error: String(error) });
    // The address of the artifacts is part of what the functions are told, and asked for only when they run.
    const artifact = { stream: (event: unknown) => started!.artifact.stream(event) };
    const url = await startFunctionUrl(artifact, onError('artifact'), this.#ports.url);
    const functions = await startFunctions({
      env: this.#environment(url.url),
      timeoutSeconds: this.#options.timeoutSeconds ?? 240,
      onLine: line => this.#line(line),
    });
    started = functions;
    const api = await startHttpApi(functions.webhook, onError('webhook'), this.#ports.api);
    this.gateway = api.url;
    this.#ports = { api: Number(new URL(api.url).port), url: Number(new URL(url.url).port) };
    const sources = mappings.map(mapping => this.#source(mapping, functions));
    const end = new AbortController();
    this.#alive = { functions, sources, fronts: [api, url], end, schedule: this.#schedule(functions, end.signal) };
  }

  /** Lets what is under way come to its end. */
  async stop(): Promise<number> {
    const alive = this.#alive;
    if (!alive) return 0;
    alive.end.abort();
    await Promise.all([alive.schedule, ...alive.sources.map(source => source.stop())]);
    await this.kill();
    return 0;
  }

  /** Ends all at once: what was under way is lost, and its messages come back when their time is over. */
  async kill(): Promise<void> {
    const alive = this.#alive;
    if (!alive) return;
    this.#alive = undefined;
    alive.end.abort();
    const stopping = alive.sources.map(source => source.stop());
    await Promise.all(Object.values(alive.functions).map(each => each.close()));
    await Promise.all([...stopping, alive.schedule, ...alive.fronts.map(front => front.close())]);
  }

  /** Nobody wants what is under way any more. */
  async close(): Promise<void> {
    await this.kill();
    await this.servers.close();
  }

  async stored(): Promise<Stored[]> {
    const { bucket, table } = this.#installed;
    const [objects, items] = await Promise.all([storedObjects(this.servers, bucket), storedItems(this.servers, table)]);
    return [...objects, ...items, ['sluice.log', this.#log], ['messages', this.#messages]];
  }

  /** Bodies of all messages that were delivered: the servers do not show what lies in a queue. */
  #messages = '';

  #environment(artifactsUrl: string): Record<string, string> {
    const { name, bucket, table, queues } = this.#installed;
    const { urls } = queues;
    return {
      ...this.#env,
      SLUICE_NAME: name,
      SLUICE_BUCKET: bucket,
      SLUICE_TABLE: table,
      SLUICE_SOURCE_QUEUE_URL: urls.source,
      SLUICE_KUSTOMIZE_QUEUE_URL: urls.kustomize,
      SLUICE_NOTIFICATION_QUEUE_URL: urls.notification,
      SLUICE_TIMER_QUEUE_URL: urls.timer,
      SLUICE_ARTIFACTS_URL: artifactsUrl,
    };
  }

  #source({ queue, function: name, batchSize }: (typeof mappings)[number], functions: RuntimeFunctions): EventSource {
    const around = this.#options.around ?? ((_, invoke) => invoke());
    return startEventSource({
      endpoint: this.servers.sqs,
      queueUrl: urlOf(queue, this.queues),
      batchSize,
      concurrency: concurrencyOf(name),
      invoke: event => {
        this.#messages += event.Records.map(record => `${record.body}\n`).join('');
        return around({ function: name, queue, event }, () => functions[name].invoke(event)).catch(error => {
          this.#write({ function: name, level: 'error', message: 'the invocation failed', error: String(error) });
          throw error;
        });
      },
    });
  }

  /**
   * Every second, where EventBridge does so every minute: a scenario waits for the changes it makes. Unlike EventBridge, it
   * waits for an invocation's end before the next.
   */
  async #schedule({ schedule }: RuntimeFunctions, end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      const next = delay(1000, undefined, { signal: end, ref: false }).catch(() => undefined);
      await schedule.invoke(scheduleEvent(new Date())).catch(error => {
        if (!end.aborted) this.#write({ function: 'schedule', level: 'error', error: String(error) });
      });
      await next;
    }
  }

  #line(line: FunctionLine): void {
    this.#options.onLine?.(line);
    const { function: name, requestId, text, json } = line;
    this.#write(json ? { function: name, requestId, ...json } : { function: name, requestId, text });
  }

  #write(line: Record<string, unknown>): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#log += text;
    appendFileSync(join(this.dir, 'sluice.log'), text);
  }
}

function urlOf(queue: ReceivableQueue, { urls, deadLetters }: Queues): string {
  const name = queue.replace(/-dlq$/, '') as keyof Queues['urls'];
  return queue.endsWith('-dlq') ? deadLetters[name] : urls[name];
}
