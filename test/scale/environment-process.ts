/**
 * One execution environment, as Lambda makes them: a process of its own that takes one task at a time, so that what it keeps in
 * memory (discovery, connections, builds) is there for the next, and not for the first. Started by environment.ts.
 */
import { readFileSync } from 'node:fs';
import { sweepCluster } from '../../functions/schedule/sweep-cluster.ts';
import { kustomizationController } from '../../shared/controllers/kustomize/kustomization.ts';
import { receiveHook } from '../../shared/controllers/notification/hook/receive.ts';
import { messageHandlers } from '../../shared/controllers/notification/message-handlers.ts';
import { receiverController } from '../../shared/controllers/notification/receiver.ts';
import { alertController, providerController } from '../../shared/controllers/notification/static-kinds.ts';
import { gitRepositoryController } from '../../shared/controllers/source/git/git-repository.ts';
import { registeredClusters } from '../../shared/kube/registered.ts';
import { localPorts } from '../../shared/local/local-ports.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { sendDue } from '../../shared/reconcile/due.ts';
import { makeLog } from '../../shared/reconcile/log-lines.ts';
import { work } from '../../shared/reconcile/worker.ts';
import { Counter, countingPorts, countRequests } from './counting.ts';
import type { Answer, Task } from './environment.ts';

const [dir = '', apiPort = ''] = process.argv.slice(2);
const counter = new Counter();
countRequests(counter, { port: Number(apiPort) });
const local = localPorts({ dir, publicUrl: 'http://127.0.0.1', level: 'error' });
/** Of the task under way. */
const lines: string[] = [];
const log = makeLog(line => lines.push(JSON.stringify(line)), systemClock, 'warn');
const ports = countingPorts({ ...local, log }, counter, ({ index, secrets }) => registeredClusters(index, secrets));
const settings = { noCrossNamespaceRefs: false };

async function perform(task: Task): Promise<void> {
  switch (task.type) {
    case 'message': {
      const record = { messageId: 'm', body: task.body };
      const controllers = {
        source: [gitRepositoryController],
        kustomize: [kustomizationController(settings)],
        notification: [receiverController, providerController, alertController],
      }[task.queue];
      const messages = task.queue === 'notification' ? messageHandlers(settings) : {};
      const result = await work([record], controllers, ports, Date.now() + 120_000, { messages, random: () => 0.5 });
      if (result.batchItemFailures.length > 0)
        throw new Error(`the message was not taken: ${task.body}\n${lines.join('\n')}`);
      return;
    }
    case 'sweep':
      return sweepCluster(task.cluster, ports);
    case 'due':
      await sendDue(ports, Date.now() + 50_000);
      return;
    case 'hook': {
      const { path, headers, body } = task;
      const hook = { path, headers, body: Buffer.from(body), trace: 'measure' };
      const answer = await receiveHook(hook, ports, { ...settings, deadlineMs: 8_000 });
      if (answer.status !== 200) throw new Error(`the webhook was answered with ${answer.status} ${answer.message}`);
    }
  }
}

/** CPU time so far, ms: of this process, and of its children that have ended. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (user + system) / 1000 + (Number(fields[13]) + Number(fields[14])) * 10;
}

process.on('message', async (task: Task) => {
  counter.take();
  lines.length = 0;
  const [cpu, start] = [cpuMs(), performance.now()];
  try {
    await perform(task);
    const answer: Answer = { ...counter.take(), ms: performance.now() - start, cpuMs: cpuMs() - cpu };
    process.send?.({ answer });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
