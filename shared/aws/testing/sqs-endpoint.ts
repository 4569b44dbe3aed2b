/** SQS on loopback as its senders see it: takes what the real SDK sends, keeps it, and answers as a test wants it to. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An entry of SendMessageBatch as the SDK wrote it. */
export interface SentEntry {
  Id: string;
  MessageGroupId: string;
  MessageDeduplicationId: string;
  MessageBody: string;
}

/** What SendMessage or SendMessageBatch asked for. */
export interface SqsCall {
  operation: string;
  QueueUrl: string;
  Entries: SentEntry[];
  MessageBody: string;
  DelaySeconds: number;
}

/** An error in place of an answer. `cut` = the connection is broken. */
export type SqsRefusal = { status: number; code: string; message: string } | 'cut';
/** Why an entry is refused while others of its call are taken. */
export interface EntryRefusal {
  Code: string;
  Message?: string;
  SenderFault: boolean;
}

export interface SqsEndpoint {
  url: string;
  /** All calls, in the order of their arrival, those refused too. */
  calls: SqsCall[];
  /** Bodies by queue and group, in the order in which they were taken. */
  taken(queueUrl: string): Map<string, string[]>;
  /** Calls under way at a time, at most, of those so far. */
  mostAtOnce(): number;
  /** Refuses the next calls for which it answers something. */
  refuseCall: (call: SqsCall) => SqsRefusal | undefined;
  refuseEntry: (entry: SentEntry, call: SqsCall) => EntryRefusal | 'unmentioned' | undefined;
  close(): Promise<void>;
}

export async function startSqsEndpoint(): Promise<SqsEndpoint> {
  const taken: { queueUrl: string; group: string; body: string }[] = [];
  let atOnce = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++atOnce);
    response.on('close', () => atOnce--);
    const call = await callOf(request);
    endpoint.calls.push(call);
    // So that calls that may run side by side do.
    await new Promise(resolve => setImmediate(resolve));
    const refusal = endpoint.refuseCall(call);
    if (refusal) return refuse(response, refusal);
    if (call.operation === 'SendMessage') return answer(response, 200, sent('', call.MessageBody));
    const Successful: object[] = [];
    const Failed: object[] = [];
    for (const entry of call.Entries) {
      const refused = endpoint.refuseEntry(entry, call);
      if (refused === 'unmentioned') continue;
      if (refused) Failed.push({ Id: entry.Id, ...refused });
      else {
        taken.push({ queueUrl: call.QueueUrl, group: entry.MessageGroupId, body: entry.MessageBody });
        Successful.push(sent(entry.Id, entry.MessageBody));
      }
    }
    answer(response, 200, { Successful, Failed });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const endpoint: SqsEndpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    taken: queueUrl => {
      const groups = Map.groupBy(
        taken.filter(one => one.queueUrl === queueUrl),
        ({ group }) => group,
      );
      return new Map([...groups].map(([group, messages]) => [group, messages.map(({ body }) => body)]));
    },
    mostAtOnce: () => most,
    refuseCall: () => undefined,
    refuseEntry: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return endpoint;
}

async function callOf(request: IncomingMessage): Promise<SqsCall> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const operation = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
  return { operation, ...JSON.parse(Buffer.concat(chunks).toString()) };
}

function sent(Id: string, body: string): object {
  return { Id, MessageId: `m-${Id}`, MD5OfMessageBody: createHash('md5').update(body).digest('hex') };
}

function refuse(response: ServerResponse, refusal: SqsRefusal): void {
  if (refusal === 'cut') {
    response.destroy();
    return;
  }
  const { status, code, message } = refusal;
  answer(response, status, { __type: `com.amazonaws.sqs#${code}`, message });
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'r-1' });
  response.end(JSON.stringify(body));
}
