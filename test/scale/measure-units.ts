/**
 * What each operation of the index costs on DynamoDB, as DynamoDB Local counts it: every request passes a proxy that asks to be
 * told of the capacity it consumed. Units are of on-demand tables, global secondary indexes included.
 */
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { keyString, type ObjectKey } from '../../shared/api/object.ts';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import type { ClusterRecord, IndexedObject } from '../../shared/ports/index.ts';
import { createTable } from '../aws/table.ts';
import type { OperationUnits } from './work.ts';

const reading = /\.(GetItem|BatchGetItem|Query|Scan)$/;

interface Meter {
  url: string;
  take(): Omit<OperationUnits, 'cpuMs'>;
  close(): void;
}

/** A proxy that adds up what the requests consumed. Nobody checks the signature that no longer fits. */
async function startMeter(target: string): Promise<Meter> {
  let used = { calls: 0, reads: 0, writes: 0 };
  const server = createServer(async (request, response) => {
    const body = JSON.parse(String(await buffer(request)));
    const asked = JSON.stringify({ ...body, ReturnConsumedCapacity: 'TOTAL' });
    const headers = { ...request.headers, 'content-length': String(Buffer.byteLength(asked)) };
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      send(target, { method: 'POST', headers }, resolve).on('error', reject).end(asked),
    );
    const text = await buffer(answer);
    const { ConsumedCapacity = [] } = JSON.parse(String(text)) as { ConsumedCapacity?: object };
    const consumed = [ConsumedCapacity].flat() as { CapacityUnits?: number }[];
    const sum = consumed.reduce((total, { CapacityUnits = 0 }) => total + CapacityUnits, 0);
    used.calls++;
    if (reading.test(String(request.headers['x-amz-target']))) used.reads += sum;
    else used.writes += sum;
    const kept = Object.entries(answer.headers).filter(([name]) => name !== 'x-amz-crc32');
    response.writeHead(answer.statusCode ?? 500, Object.fromEntries(kept)).end(text);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const taken = used;
      used = { calls: 0, reads: 0, writes: 0 };
      return taken;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const cluster = 'production-eu-west-1';
const url = 'github.com/acme/fleet-infrastructure';
const source: ObjectKey = { cluster, kind: 'GitRepository', namespace: 'flux-system', name: 'fleet-infrastructure' };

/** As large as they usually are. */
function objectOf(n: number): IndexedObject {
  const name = `application-${String(n).padStart(4, '0')}`;
  const revision = `main@sha1:${'0123456789abcdef'.repeat(3).slice(0, 40)}`;
  return {
    key: { cluster, kind: 'Kustomization', namespace: 'flux-system', name },
    uid: 'bc7e2a1e-6c0e-4c5f-9b1e-2a3b4c5d6e7f',
    generation: 3,
    resourceVersion: '123456789',
    dueAt: 1_800_000_000_000 + n,
    refs: [keyString(source)],
    urls: [],
    summary: {
      ready: 'True',
      reason: 'ReconciliationSucceeded',
      message: `Applied revision: ${revision}`,
      revision,
      suspended: false,
      createdAt: 1_790_000_000_000,
      since: 1_799_000_000_000,
    },
  };
}

const record: ClusterRecord = {
  name: cluster,
  access: {
    type: 'eks',
    region: 'eu-west-1',
    clusterName: cluster,
    roleArn: 'arn:aws:iam::111122223333:role/sluice-clusters',
    server: 'https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com',
    ca: 'x'.repeat(1107),
  },
  changes: 'sweep',
  addedAt: 1,
};

/** Each operation as the work does it most of the time; a due time moves with each reconcile. */
function operations(index: DynamoIndex): Record<string, (n: number) => Promise<unknown>> {
  const path = `/hook/${'0123456789abcdef'.repeat(4)}`;
  const moved = (n: number) => ({ ...objectOf(0), dueAt: objectOf(0).dueAt + n + 1 });
  return {
    getObject: () => index.getObject(objectOf(0).key),
    putObject: n => index.putObject(moved(n)),
    setDue: n => index.setDue(objectOf(0).key, objectOf(0).dueAt - n - 1),
    lastStarted: () => index.lastStarted(objectOf(0).key),
    markStarted: n => index.markStarted(objectOf(0).key, n),
    due: () => index.due(Number.MAX_SAFE_INTEGER, 100),
    dependentsOf: n => index.dependentsOf({ ...source, name: `other-${n}` }),
    byHookPath: () => index.byHookPath(path),
    byUrl: () => index.byUrl(url),
    once: n => index.once(`event/${n}/0123456789abcdef`, 600),
    cursor: () => index.cursor(cluster, 'Kustomization'),
    setCursor: n => index.setCursor(cluster, 'Kustomization', String(123_456_789 + n)),
    cluster: () => index.cluster(cluster),
    clusters: () => index.clusters(),
  };
}

/** Counts units by way of the proxy, then measures the CPU of callers without it. `dynamodb` is the URL of DynamoDB Local. */
export async function measureUnits(dynamodb: string, table: string): Promise<Record<string, OperationUnits>> {
  const place = { region: 'us-east-1', endpoint: dynamodb };
  const client = new DynamoDBClient(place);
  await createTable(client, table);
  client.destroy();
  const meter = await startMeter(dynamodb);
  try {
    const direct = new DynamoIndex({ table, clock: systemClock, ...place });
    const metered = new DynamoIndex({ table, clock: systemClock, ...place, endpoint: meter.url });
    await direct.addCluster(record);
    for (let n = 0; n < 100; n++) await direct.putObject(objectOf(n));
    await direct.putObject({ ...objectOf(0), key: source, refs: [], urls: [url] });
    const found: Record<string, OperationUnits> = {};
    for (const [name, operation] of Object.entries(operations(metered))) {
      // What the first of its kind makes is there for the second.
      await operation(1_000_001);
      meter.take();
      await operation(1_000_002);
      found[name] = { ...meter.take(), cpuMs: await cpuOf(operations(direct)[name]!) };
    }
    return found;
  } finally {
    meter.close();
  }
}

const rounds = 200;

/** Milliseconds of CPU of one call, in a process that has warmed up. */
async function cpuOf(operation: (n: number) => Promise<unknown>): Promise<number> {
  for (let n = 0; n < rounds; n++) await operation(n);
  const before = process.cpuUsage();
  for (let n = 0; n < rounds; n++) await operation(rounds + n);
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / rounds / 100) / 10;
}
