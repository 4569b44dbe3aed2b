/** Counts what work costs: calls of the ports, messages, requests to the cluster. Everything that is counted is also done. */
import diagnostics from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import type { Ports } from '../../shared/ports/ports.ts';
import type { Queue, QueueMessage } from '../../shared/ports/queue.ts';

/** How often each thing was done, by names as `index.putObject`, `store.get`, `queue.kustomize`, `cluster.read`. */
export type Tally = Record<string, number>;

export interface Sent {
  message: QueueMessage;
  /** Seconds; undefined when sent at once. */
  delaySeconds: number | undefined;
}

export class Counter {
  #tally: Tally = {};
  #sent: Sent[] = [];

  add(name: string, by = 1): void {
    this.#tally[name] = (this.#tally[name] ?? 0) + by;
  }

  send(sent: Sent): void {
    this.#sent.push(sent);
    this.add(sent.delaySeconds === undefined ? `queue.${sent.message.queue}` : 'queue.timer');
  }

  /** What was counted since the last call, names in order. */
  take(): { tally: Tally; sent: Sent[] } {
    const tally = Object.fromEntries(Object.entries(this.#tally).sort(([a], [b]) => (a < b ? -1 : 1)));
    const sent = this.#sent;
    this.#tally = {};
    this.#sent = [];
    return { tally, sent };
  }
}

/** The object, each call of whose methods is counted as `<name>.<method>`. */
export function counted<T extends object>(target: T, name: string, counter: Counter): T {
  return new Proxy(target, {
    get: (_, property) => {
      const value = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        counter.add(`${name}.${String(property)}`);
        return value.apply(target, args);
      };
    },
  });
}

/** A queue that keeps what is sent, for whoever drives the work to deliver. */
export function keepingQueue(counter: Counter): Queue {
  return {
    send: async messages => {
      for (const message of messages) counter.send({ message, delaySeconds: undefined });
      // As SendMessageBatch takes them: ten of one queue in a call.
      for (const queue of new Set(messages.map(message => message.queue)))
        counter.add('queue.sends', Math.ceil(messages.filter(message => message.queue === queue).length / 10));
    },
    sendLater: async (message, delaySeconds) => {
      counter.add('queue.sends');
      counter.send({ message, delaySeconds });
    },
  };
}

export function countingPorts(ports: Ports, counter: Counter, clusters: (ports: Ports) => Ports['clusters']): Ports {
  const index = counted(ports.index, 'index', counter);
  const secrets = counted(ports.secrets, 'secrets', counter);
  const store = counted(ports.store, 'store', counter);
  const wrapped = { ...ports, index, secrets, store, queue: keepingQueue(counter) };
  return { ...wrapped, clusters: clusters(wrapped) };
}

/** Counts requests of this process: those to the API server by what they do, all others as `http.other`. */
export function countRequests(counter: Counter, apiServer: { port: number }): void {
  diagnostics.subscribe('http.client.request.start', message => {
    const { request } = message as { request: ClientRequest };
    const [host = ''] = [request.getHeader('host')].flat();
    const isApi = String(host).endsWith(`:${apiServer.port}`);
    counter.add(isApi ? `cluster.${clusterCall(request.method, request.path)}` : 'http.other');
  });
}

/** What a request to the API server is: discovery, watch, list, read, dryRun, or write. */
export function clusterCall(method: string, path: string): string {
  const url = new URL(path, 'http://x');
  const parts = url.pathname.split('/').filter(Boolean);
  const rest = parts[0] === 'api' ? parts.slice(2) : parts[0] === 'apis' ? parts.slice(3) : [];
  if (rest.length === 0) return 'discovery';
  if (method !== 'GET') return url.searchParams.has('dryRun') ? 'dryRun' : 'write';
  if (url.searchParams.get('watch') === 'true' || url.searchParams.get('watch') === '1') return 'watch';
  const within = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
  return within.length === 1 ? 'list' : 'read';
}
