import { type MessagePort, parentPort } from 'node:worker_threads';
import { ports } from '#ports';
import { ClusterFollower } from './cluster-follower.ts';
import { onLogLine } from './file-log.ts';
import { type FromWorker, toldLines } from './worker-protocol.ts';

/**
 * Follows every registered cluster whose changes reach us by `watch`. Which those are is read from the registry every two
 * seconds, since commands of other processes change it.
 */
const refreshMs = 2000;
const port = parentPort as MessagePort;
const followed = new Map<string, ClusterFollower>();

onLogLine(line => port.postMessage({ type: 'log', line } satisfies FromWorker), toldLines);
const made = await ports();
port.on('message', () => void refresh());
setInterval(() => void refresh(), refreshMs);
await refresh();

async function refresh(): Promise<void> {
  const wanted = new Map<string, string>();
  for (const record of await made.index.clusters())
    if (record.changes === 'watch') wanted.set(record.name, JSON.stringify(record));
  for (const [name, follower] of followed)
    if (wanted.get(name) !== follower.registration) {
      follower.stop();
      followed.delete(name);
    }
  for (const [name, registration] of wanted)
    if (!followed.has(name)) followed.set(name, new ClusterFollower(name, registration, made));
}
