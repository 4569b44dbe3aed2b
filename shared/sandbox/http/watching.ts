import type { KubeObject } from '../../api/object.ts';
import { textOf } from '../crud/read.ts';
import { startWatch, type WatchSink } from '../crud/watch.ts';
import { inVersion } from '../crud/write.ts';
import { Fault } from '../faults.ts';
import { apiVersionOf } from '../resources/definition.ts';
import type { Entry } from '../store/collection.ts';
import { tableOf } from '../table/table.ts';
import { watchOptions } from './options.ts';
import { partial, tableOptions } from './present.ts';
import type { Call } from './resources.ts';

/** A client that does not read what it asked for is cut off, rather than kept in memory. */
const unreadLimit = 64 * 1024 * 1024;

/** GET with watch=true: a stream of JSON lines until the client, the time limit or the server ends it. */
export function serveWatch(call: Call): void {
  const { response, target, services } = call;
  const options = watchOptions(call.query);
  if (target.name)
    options.fieldSelector = [options.fieldSelector, `metadata.name=${target.name}`].filter(Boolean).join(',');
  const write = (line: string): void => {
    if (response.destroyed) return;
    response.write(`${line}\n`);
    if (response.writableLength > unreadLimit) response.destroy();
  };
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
    response.flushHeaders();
  };
  const sink = sinkFor(call, line => {
    begin();
    write(line);
  });
  let stop: () => void;
  try {
    stop = startWatch(services.kernel, target, options, sink);
  } catch (error) {
    // The history is too short: the API server tells it inside of the stream.
    if (!(error instanceof Fault) || error.status !== 410) throw error;
    begin();
    write(JSON.stringify({ type: 'ERROR', object: error.toStatus() }));
    response.end();
    return;
  }
  begin();
  response.on('close', stop);
}

function sinkFor(call: Call, write: (line: string) => void): WatchSink {
  const present = presenter(call);
  return {
    event: (type, entry) => {
      // It runs inside of the write that it reports, which must not fail for the sake of a watcher.
      try {
        write(`{"type":"${type}","object":${present(entry)}}`);
      } catch (error) {
        call.services.kernel.log('a watch could not show a change', { name: entry.name, error: String(error) });
        call.response.destroy();
      }
    },
    bookmark: (resourceVersion, initialEventsEnd) =>
      write(JSON.stringify(bookmark(call, resourceVersion, initialEventsEnd))),
    end: () => call.response.end(),
  };
}

function presenter(call: Call): (entry: Entry) => string {
  const { target, accepted } = call;
  if (accepted.as === 'partial' || accepted.as === 'partial-list')
    return entry => JSON.stringify(partial(inVersion(target, entry), accepted.version));
  if (accepted.as !== 'table') return entry => textOf(target, entry);
  let headers = true;
  return entry => {
    const options = { ...tableOptions(call), headers };
    headers = false;
    return JSON.stringify(tableOf(target, [inVersion(target, entry)], options));
  };
}

function bookmark(call: Call, resourceVersion: string, initialEventsEnd: boolean): object {
  const { definition, version } = call.target;
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const object: KubeObject = {
    kind: definition.kind,
    apiVersion: apiVersionOf(definition.group, version.name),
    metadata: { resourceVersion, ...annotations } as unknown as KubeObject['metadata'],
  };
  if (call.accepted.as === 'table') {
    const table = tableOf(call.target, [object], { ...tableOptions(call), headers: false });
    return { type: 'BOOKMARK', object: { ...table, metadata: { resourceVersion } } };
  }
  if (call.accepted.as === 'object') return { type: 'BOOKMARK', object };
  return { type: 'BOOKMARK', object: partial(object, call.accepted.version) };
}
