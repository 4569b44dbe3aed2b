/**
 * A process with an event source whose invocations never end, to be killed: node event-source-process.ts ENDPOINT QUEUE_URL.
 * Prints the body of each message it gets. One at a time: what it has been given is not given to it again, however long it lives.
 */
import { startEventSource } from './event-source.ts';

const [endpoint, queueUrl] = process.argv.slice(2) as [string, string];
startEventSource({
  endpoint,
  queueUrl,
  batchSize: 1,
  concurrency: 1,
  invoke(event) {
    for (const { body } of event.Records) process.stdout.write(`${body}\n`);
    return new Promise(() => undefined);
  },
});
