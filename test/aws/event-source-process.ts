/**
 * A process with an event source whose invocations never end, to be killed: node event-source-process.ts ENDPOINT QUEUE_URL.
 * Prints the body of each message it gets.
 */
import { startEventSource } from './event-source.ts';

const [endpoint, queueUrl] = process.argv.slice(2) as [string, string];
startEventSource({
  endpoint,
  queueUrl,
  batchSize: 1,
  concurrency: 5,
  invoke(event) {
    for (const { body } of event.Records) process.stdout.write(`${body}\n`);
    return new Promise(() => undefined);
  },
});
