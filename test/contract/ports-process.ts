/**
 * A process that works on a port until it is done or killed: node ports-process.ts MODULE ARGUMENT TASK …
 * Prints one line per finished step, so that the parent knows what was acknowledged before it killed the process.
 */
import { Buffer } from 'node:buffer';
import type { Index, QueuePort, Secrets, Store } from './ports.ts';

const [module, argument, task, ...rest] = process.argv.slice(2) as [string, string, string, ...string[]];
const port = await (await import(module)).open(argument);

/** Sends numbered messages, for ever; says each number once it was accepted. */
async function send(queue: QueuePort, group: string): Promise<void> {
  for (let i = 0; ; i++) {
    await queue.send([{ queue: 'source', group, dedup: `${group}-${i}`, body: String(i) }]);
    process.stdout.write(`${i}\n`);
  }
}

/** Receives and deletes until the queue stays empty for a second; says `group body` when deleted. */
async function drain(queue: QueuePort): Promise<void> {
  for (let idle = 0; idle < 100; ) {
    const messages = await queue.receive('kustomize', { max: 5, visibilitySeconds: 60, perGroup: 1 });
    idle = messages.length === 0 ? idle + 1 : 0;
    for (const message of messages) {
      await queue.delete('kustomize', message.handle);
      process.stdout.write(`${message.group} ${message.body}\n`);
    }
    if (messages.length === 0) await new Promise(resolve => setTimeout(resolve, 10));
  }
}

/** Receives one message, says so, and keeps it. */
async function hold(queue: QueuePort): Promise<void> {
  // Of a queue of its own: a sender that was killed may have left something in another.
  const [message] = await queue.receive('notification', { max: 1, visibilitySeconds: 2 });
  process.stdout.write(`${message?.body}\n`);
  setInterval(() => undefined, 1000);
}

/** Creates the objects race/0 … race/n-1 with its own name in them; says which it won. */
async function create(store: Store, name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const outcome = await store.put(`race/${i}`, Buffer.from(name.repeat(1000)), { ifAbsent: true });
    if (outcome === 'created') process.stdout.write(`${i}\n`);
  }
}

/** Overwrites one object with whole bodies of one character, for ever. */
async function overwrite(store: Store): Promise<void> {
  for (let i = 0; ; i++) {
    await store.put('torn', Buffer.alloc(2_000_000, 97 + (i % 26)));
    process.stdout.write(`${i}\n`);
  }
}

/** Claims the ids id/0 … id/n-1; says which it got. */
async function claim(index: Index, count: number): Promise<void> {
  for (let i = 0; i < count; i++) if (await index.once(`id/${i}`, 600)) process.stdout.write(`${i}\n`);
}

/** Registers clusters, for ever; says each once it is registered. */
async function register(index: Index): Promise<void> {
  for (let i = 0; ; i++) {
    const access = { type: 'kubeconfig' as const, secret: `s${i}` };
    await index.addCluster({ name: `c${i}`, access, changes: 'sweep', addedAt: i });
    process.stdout.write(`${i}\n`);
  }
}

/** Creates the secrets race/0 … race/n-1 with its own name in them; says its name and which it won. */
async function createSecrets(secrets: Secrets, name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) if (await secrets.create(`race/${i}`, name)) process.stdout.write(`${name}${i}\n`);
}

const tasks: Record<string, () => Promise<void>> = {
  send: () => send(port, rest[0]!),
  drain: () => drain(port),
  hold: () => hold(port),
  create: () => create(port, rest[0]!, Number(rest[1])),
  overwrite: () => overwrite(port),
  claim: () => claim(port, Number(rest[0])),
  secrets: () => createSecrets(port, rest[0]!, Number(rest[1])),
  register: () => register(port),
};
await tasks[task]!();
