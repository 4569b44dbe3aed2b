import { type MessagePort, parentPort } from 'node:worker_threads';
import { onLogLine } from './file-log.ts';
import { lambdaContext } from './lambda-context.ts';
import { installStreaming, type ResponseHead, responseStream } from './lambda-streaming.ts';
import { type FromWorker, type ToWorker, toldLines } from './worker-protocol.ts';

/**
 * A thread of the host: imports the handlers and invokes them as Lambda does, but many at a time, since most of an
 * invocation is waiting. State that a handler keeps in its module is shared by them, as between invocations on Lambda.
 */
const port = parentPort as MessagePort;
const streams = new Map<number, ReturnType<typeof responseStream>>();
// biome-ignore lint/suspicious/noExplicitAny: a handler takes the event it was written for
type Handler = (...args: any[]) => unknown;

installStreaming();
onLogLine(line => say({ type: 'log', line }), toldLines);
port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'invoke':
      void invoke(message);
      break;
    case 'stream':
      void stream(message);
      break;
    case 'more':
      streams.get(message.id)?.more();
      break;
    case 'abort':
      streams.get(message.id)?.writable.destroy(new Error('the reader of the response has gone'));
      break;
    case 'warm':
      void Promise.allSettled(message.modules.map(handlerOf));
  }
});

async function invoke(message: Extract<ToWorker, { type: 'invoke' }>): Promise<void> {
  try {
    const handler = await handlerOf(message.module);
    const value = await handler(message.event, lambdaContext(message.function, message.deadline));
    // Lambda answers in JSON: what does not survive that must not work here either.
    say({ type: 'result', id: message.id, value: value === undefined ? undefined : JSON.parse(JSON.stringify(value)) });
  } catch (error) {
    fail(message.id, error);
  }
}

async function stream(message: Extract<ToWorker, { type: 'stream' }>): Promise<void> {
  const { id } = message;
  const own = responseStream({
    head: (head: ResponseHead) => say({ type: 'head', id, ...head }),
    chunk: bytes => say({ type: 'chunk', id, bytes }),
    end: () => say({ type: 'end', id }),
  });
  streams.set(id, own);
  try {
    const handler = await handlerOf(message.module);
    await handler(message.event, own.writable, lambdaContext(message.function, message.deadline));
    say({ type: 'result', id, value: undefined });
  } catch (error) {
    fail(id, error);
  } finally {
    streams.delete(id);
  }
}

async function handlerOf(module: string): Promise<Handler> {
  const { handler } = await import(module);
  if (typeof handler !== 'function') throw new Error(`${module} exports no function named "handler"`);
  return handler;
}

function fail(id: number, error: unknown): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  say({ type: 'failure', id, error: { name, message, ...(stack && { stack }) } });
}

function say(message: FromWorker): void {
  port.postMessage(message);
}
