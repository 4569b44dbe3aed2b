import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueAttributesCommand, PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { KubeObject } from '../../shared/api/object.ts';
import { commitFiles, createRepository, type FileContent } from '../../shared/local/git-repository.ts';
import {
  alert,
  configMap,
  gitRepository,
  kustomization,
  provider,
  receiver,
  secret,
  yaml,
} from '../scenario/manifests.ts';
import { conditionOf, githubPush, startWorld, until } from '../scenario/world.ts';
import { DynamoProxy } from './dynamo-proxy.ts';
import { type FaultProxy, s3Fault, startFaultProxy } from './fault-proxy.ts';
import type { AwsRuntime, QueueInvocation } from './runtime.ts';
import { credentials, region } from './servers.ts';

const ns = 'faults';
const token = 'faults-token';
const parts = Array.from({ length: 50 }, (_, n) => `part-${n}`);
/** Reconciles of Kustomizations, at least. */
const wantedReconciles = Number(process.env.SLUICE_FAULT_RECONCILES ?? 500);
/** How long the cluster is away. */
const outageMs = Number(process.env.SLUICE_OUTAGE_SECONDS ?? 5) * 1000;

/**
 * How long to wait for what follows, at most: what a killed worker had comes back after half a minute, and the longer the
 * cluster was away, the later it is tried again.
 */
const patienceSeconds = 200 + outageMs / 1000;

/** One part in `n`, by a generator that gives the same numbers every time. */
let state = 20261123;
function oneIn(n: number): boolean {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 < 1 / n;
}

/** Conditional writes so far. */
let conditionals = 0;

const open: { close(): Promise<void> }[] = [];
const invocations: { group: string; start: number; end: number }[] = [];
/** Of Kustomizations, so far, by the functions' own logs. */
let reconciles = 0;
const faults = { killed: 0, doubled: 0, throttled: 0 };
let s3: FaultProxy;

const world = await startWorld({
  aws: {
    // So that what a killed worker had comes back soon.
    timeoutSeconds: 20,
    visibilitySeconds: 30,
    around,
    onLine: ({ json }) => {
      if (json?.message === 'reconciled' && String(json.object).includes('/Kustomization/')) reconciles++;
    },
    env: async servers => {
      s3 = await startFaultProxy(servers.s3);
      s3.fault = ({ method, headers }) => {
        const conditional = method !== 'GET' && (headers['if-none-match'] ?? headers['if-match']) !== undefined;
        // Of few requests each fault has its turn; chance might leave one out.
        const turn = conditional ? conditionals++ % 4 : -1;
        if (turn === 0) return s3Fault(409, 'ConditionalRequestConflict');
        // The object is there, and whoever tries again hears of it: 412.
        if (turn === 1) return 'lost';
        return oneIn(12) ? s3Fault(503, 'SlowDown') : undefined;
      };
      const dynamodb = await DynamoProxy.start(servers.dynamodb);
      dynamodb.fate = () => {
        // What went by is not needed, and would be much.
        dynamodb.calls.length = 0;
        if (!oneIn(12)) return 'pass';
        faults.throttled++;
        return { error: 'ProvisionedThroughputExceededException', message: 'too fast' };
      };
      open.push(s3, dynamodb);
      return { AWS_ENDPOINT_URL_S3: s3.url, AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url };
    },
  },
  afterEnd: async () => void (await Promise.all(open.map(one => one.close()))),
});
const runtime = world.runtime as AwsRuntime;
const sqs = new SQSClient({ endpoint: runtime.servers.sqs, region, credentials, useQueueUrlAsEndpoint: false });
open.push({ close: async () => sqs.destroy() });

/** Every message is delivered twice, one delivery after the other, as a queue may that delivers at least once. */
async function around({ event }: QueueInvocation, invoke: () => Promise<unknown>): Promise<unknown> {
  const timed = async () => {
    const start = performance.now();
    try {
      return await invoke();
    } finally {
      const end = performance.now();
      for (const { attributes } of event.Records)
        if (attributes.MessageGroupId) invocations.push({ group: attributes.MessageGroupId, start, end });
    }
  };
  const answer = await timed();
  faults.doubled++;
  // What comes of the second has no bearing on the first, which has been answered.
  await timed().catch(() => undefined);
  return answer;
}

let commit = '';
let serial = 0;
let repository = '';
let hook = '';

test('whatever dies, doubles, is refused or goes away, all ends as the last commit wants it', async () => {
  await begin();
  const poison = JSON.stringify({ type: 'from-another-version', about: 'nobody knows' });
  await runtime.ports.queue.send([{ queue: 'source', group: 'poison', dedup: 'poison', body: poison }]);
  await storm();
  await push();
  await until('all is ready at the last commit', async () => (await behind()).length === 0, patienceSeconds).catch(
    async error => {
      throw new Error(`${error.message}: ${JSON.stringify((await behind()).slice(0, 5), undefined, 1)}`);
    },
  );
  await clusterIsAsWanted();
  await everyPartWasAnnounced();
  nobodyRanTwiceAtATime();
  await poisonWasKept();
  assert.ok(faults.killed >= 10, `${faults.killed} workers were killed`);
  assert.ok(faults.throttled > 50 && faults.doubled > wantedReconciles, JSON.stringify(faults));
  for (const status of [409, 412, 503])
    assert.ok(
      s3.seen.some(asked => asked.status === status),
      `S3 answered ${status}`,
    );
  assert.ok(
    s3.seen.some(({ fault }) => fault === 'lost'),
    'an answer of S3 was lost',
  );
});

async function begin(): Promise<void> {
  await world.namespace(ns);
  repository = await createRepository(world.repositories, 'faults');
  await commitAll();
  const spec = { interval: '1h', retryInterval: '2s', timeout: '1m' };
  await world.apply(
    yaml(
      secret(ns, 'webhook-token', { token }),
      provider(ns, 'sink', { type: 'generic', address: world.sinks.url('generic', ns) }),
      alert(ns, 'all', {
        providerRef: { name: 'sink' },
        eventSources: [{ kind: 'Kustomization', name: '*' }],
      }),
      gitRepository(ns, 'app', `${world.git.url}/faults.git`, { interval: '1h' }),
      receiver(ns, 'push'),
      ...parts.map(part => kustomization(ns, part, { ...spec, path: `./${part}` })),
    ),
  );
  hook = (await world.condition('Receiver', ns, 'push', 'Ready', 'True')).status.webhookPath;
  await until('the start is applied', async () => (await behind()).length === 0, patienceSeconds);
}

/** A commit changes every part. */
async function commitAll(): Promise<void> {
  serial++;
  const files: Record<string, FileContent> = {};
  for (const part of parts) files[`${part}/map.yaml`] = yaml(configMap(part, { serial: String(serial) }));
  commit = await commitFiles(repository, files, { message: `Number ${serial}` });
}

/** As a provider does that tries again until somebody takes the push; from then on it must not be lost. */
async function push(): Promise<void> {
  await commitAll();
  await until('the webhook is taken', async () => {
    const answer = await githubPush(`${runtime.gateway}${hook}`, token).catch(() => undefined);
    return answer !== undefined && answer.status < 300;
  });
}

/** Commit after commit, until enough was reconciled; meanwhile workers die, the timers are lost, and the cluster goes away. */
async function storm(): Promise<void> {
  const calm = new AbortController();
  const killing = killNowAndThen(calm.signal);
  for (let round = 1; reconciles < wantedReconciles || faults.killed < 10; round++) {
    await push();
    if (round === 3) await sqs.send(new PurgeQueueCommand({ QueueUrl: runtime.queues.urls.timer }));
    if (round === 5) {
      await world.target.pause();
      await delay(outageMs);
      await world.target.resume();
    }
    // Some are always late, whose worker was killed: the next commit does not wait for them.
    const enough = reconciles + parts.length * 0.8;
    await until('most of a commit is applied', () => reconciles >= enough, patienceSeconds);
  }
  calm.abort();
  await killing;
}

/** One worker for every fifteen reconciles or so: a message whose worker dies thrice is given up, and that is another test. */
async function killNowAndThen(calm: AbortSignal): Promise<void> {
  for (let next = reconciles; !calm.aborted; ) {
    await delay(50, undefined, { signal: calm }).catch(() => undefined);
    if (reconciles < next) continue;
    const { kustomize, source, notification, timer } = runtime.functions();
    const victims = oneIn(3) ? [source, notification, timer, kustomize] : [kustomize];
    if (!victims.some(each => each.killBusy())) continue;
    faults.killed++;
    next = reconciles + 8 + (faults.killed % 3) * 7;
  }
}

async function list(kind: 'GitRepository' | 'Kustomization'): Promise<KubeObject[]> {
  const apiVersion = `${kind === 'GitRepository' ? 'source' : 'kustomize'}.toolkit.fluxcd.io/v1`;
  return (await world.cluster.list({ apiVersion, kind }, { namespace: ns })).items;
}

/** What is not Ready at the last commit. */
async function behind(): Promise<unknown[]> {
  const all = [...(await list('GitRepository')), ...(await list('Kustomization'))];
  return all
    .filter(object => {
      const revision = object.status?.artifact?.revision ?? object.status?.lastAppliedRevision;
      return conditionOf(object, 'Ready')?.status !== 'True' || revision !== `main@sha1:${commit}`;
    })
    .map(({ kind, metadata, status }) => ({ kind, name: metadata.name, status }));
}

async function clusterIsAsWanted(): Promise<void> {
  const { items } = await world.cluster.list({ apiVersion: 'v1', kind: 'ConfigMap' }, { namespace: ns });
  const found = items.filter(({ metadata }) => metadata.name.startsWith('part-'));
  assert.deepEqual(
    found.map(({ metadata, data }) => [metadata.name, data.serial]).sort(),
    parts.map(part => [part, String(serial)]).sort(),
  );
}

/** Each part's last commit, once, though everything was delivered twice. */
async function everyPartWasAnnounced(): Promise<void> {
  const told = () =>
    world.sinks.received
      .map(({ body }) => body)
      .filter(body => body.reason === 'ReconciliationSucceeded' && JSON.stringify(body.metadata).includes(commit))
      .map(body => body.involvedObject.name as string)
      .sort();
  await until('every part is announced', () => new Set(told()).size === parts.length);
  assert.deepEqual(told(), [...parts].sort());
}

/** By the recorded times of the invocations: those of one message group never overlap, and a group is an object. */
function nobodyRanTwiceAtATime(): void {
  const byGroup = Map.groupBy(invocations, ({ group }) => group);
  assert.ok(byGroup.size >= parts.length);
  for (const [group, times] of byGroup) {
    times.sort((a, b) => a.start - b.start);
    for (const [position, { start }] of times.entries())
      assert.ok(position === 0 || start >= times[position - 1]!.end, `two invocations at a time for ${group}`);
  }
}

/** What no schema knows lies in the dead-letter queue and stays there; nothing else does. */
async function poisonWasKept(): Promise<void> {
  await until('it is given up', () => runtime.log().includes('it stays in the dead-letter queue'));
  const { source, kustomize, notification } = runtime.queues.deadLetters;
  assert.equal(await depth(source), 1);
  for (const url of [kustomize, notification]) assert.equal(await depth(url), 0, url);
}

/** Messages that can be received, and those somebody has. */
async function depth(url: string): Promise<number> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] });
  const { Attributes = {} } = await sqs.send(command);
  return names.reduce((sum, name) => sum + Number(Attributes[name]), 0);
}
