import { randomUUID } from 'node:crypto';
import { SqsQueue } from '../../shared/aws/sqs-queue.ts';
import type { Implementation, Opened, QueuePort } from '../contract/ports.ts';
import { createQueues, type Queues } from './installation.ts';
import type { AwsServers } from './servers.ts';
import { SqsConsumer } from './sqs-consumer.ts';

interface Place {
  queues: Queues;
  endpoint: string;
}

/** Both sides of the queues: what the functions send by, and what the event source mappings do. */
export interface SqsPort extends QueuePort {
  close(): void;
}

function port({ queues, endpoint }: Place): SqsPort {
  const sender = new SqsQueue({ urls: queues.urls, endpoint });
  const consumer = new SqsConsumer(queues, endpoint);
  return {
    send: messages => sender.send(messages),
    sendLater: (message, delaySeconds) => sender.sendLater(message, delaySeconds),
    receive: (queue, options) => consumer.receive(queue, options),
    delete: (queue, handle) => consumer.delete(queue, handle),
    release: (queue, handle, delaySeconds) => consumer.release(queue, handle, delaySeconds),
    close() {
      sender.close();
      consumer.close();
    },
  };
}

/** For ports-process.ts: `argument` is a Place as JSON; credentials and region are in the environment. */
export async function open(argument: string): Promise<SqsPort> {
  return port(JSON.parse(argument) as Place);
}

/** SqsQueue on queues of its own for each block of the suite, on one of the servers. */
export function sqsImplementation(
  name: string,
  servers: AwsServers,
  exceptions: Record<string, string>,
): Implementation<QueuePort> {
  return {
    name,
    exceptions,
    async open(): Promise<Opened<QueuePort>> {
      const queues = await createQueues(servers, `contract-${randomUUID().slice(0, 8)}`, 30);
      const place: Place = { queues, endpoint: servers.sqs };
      const opened = [port(place)];
      return {
        port: opened[0]!,
        async again() {
          opened.push(port(place));
          return opened.at(-1)!;
        },
        process: { module: import.meta.url, argument: JSON.stringify(place) },
        async close() {
          for (const each of opened) each.close();
        },
      };
    },
  };
}
