/**
 * What each kind of work costs, counted: the real controllers on the embedded ports and the sandbox, in execution environments
 * as Lambda makes them. Counts must not depend on the machine; times do, and are only kept beside them.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject, ObjectKey } from '../../shared/api/object.ts';
import { commitFiles, createRepository, startGitServer } from '../../shared/local/git-server.ts';
import type { IndexedObject } from '../../shared/ports/index.ts';
import { messageOf, workItem } from '../../shared/reconcile/work-item.ts';
import { type Installed, startInstalled } from '../fixtures/installed.ts';
import {
  alert,
  configMap,
  deployment,
  gitRepository,
  kustomization,
  provider,
  receiver,
  secret,
  service,
  yaml,
} from '../scenario/manifests.ts';
import type { Sent, Tally } from './counting.ts';
import { type Answer, type Environment, startEnvironment } from './environment.ts';

export interface Measured {
  tally: Tally;
  /** Milliseconds of CPU and from beginning to end on the machine that measured: not checked again. */
  cpuMs: number;
  ms: number;
}
export type Counts = Record<string, Measured>;

const ns = 'scale';
/** Kustomizations of the measured repository, each of its own path. */
const applications = 3;

/** Ten objects, of which one (the settings) changes with `text`. */
function application(n: number, text: string): string {
  const three = [0, 1, 2].map(k => `app-${n}-${k}`);
  return yaml(
    ...three.map(name => deployment(name, 'web:1')),
    ...three.map(service),
    ...three.map(name => configMap(name, { text: name.endsWith('0') ? text : 'same' })),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: `app-${n}` } },
  );
}

function files(text: string): Record<string, string> {
  const all = Array.from({ length: applications }, (_, n) => [`apps/${n}/app.yaml`, application(n, text)]);
  return { ...Object.fromEntries(all), 'broken/app.yaml': yaml(deployment('broken', 'web:1', { fail: true })) };
}

/** After so long a reconcile writes that it is under way (progress.ts), which nothing here takes unless the machine stands still. */
const slowMs = 5_000;

/** Performs everything that is measured, until nothing is held up. Takes some seconds. */
export async function measure(): Promise<Counts> {
  for (;;) {
    const counts = await measureOnce();
    if (Object.values(counts).every(({ ms }) => ms < slowMs)) return counts;
  }
}

async function measureOnce(): Promise<Counts> {
  const installed = await startInstalled();
  const root = mkdtempSync(join(tmpdir(), 'sluice-scale-'));
  const git = await startGitServer({ root });
  const chat = createServer((request, response) => request.resume().on('end', () => response.end('ok')));
  await new Promise<void>(resolve => chat.listen(0, '127.0.0.1', resolve));
  const { port: chatPort } = chat.address() as AddressInfo;
  const session = new Session(installed);
  try {
    const repository = await createRepository(root, 'app.git', files('one'), { branch: 'main' });
    await session.prepare(`${git.url}/app.git`, `http://127.0.0.1:${chatPort}/hook`);
    await session.measureAll(text => commitFiles(repository, files(text), { message: text, branch: 'main' }));
    return session.counts;
  } finally {
    await session.close();
    chat.close();
    await git.close();
    await installed.close();
    rmSync(root, { recursive: true, force: true });
  }
}

class Session {
  readonly counts: Counts = {};
  readonly #installed: Installed;
  readonly #dir: string;
  readonly #port: number;
  readonly #open = new Set<Environment>();

  constructor(installed: Installed) {
    this.#installed = installed;
    this.#dir = installed.dir;
    this.#port = Number(new URL(/server: *"?(\S+?)"?$/m.exec(installed.kubeconfig)?.[1] ?? '').port);
  }

  async close(): Promise<void> {
    for (const environment of this.#open) await environment.close();
  }

  #environment(): Environment {
    const environment = startEnvironment(this.#dir, this.#port);
    this.#open.add(environment);
    return environment;
  }

  #keep(name: string, { tally, cpuMs, ms }: Answer): void {
    this.counts[name] = { tally, cpuMs: Math.round(cpuMs), ms: Math.round(ms) };
  }

  async prepare(gitUrl: string, chatUrl: string): Promise<void> {
    const { apply } = this.#installed;
    const objects: unknown[] = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } },
      secret(ns, 'webhook-token', { token: 't' }),
      provider(ns, 'chat', { type: 'generic', address: chatUrl }),
      alert(ns, 'failures', { eventSeverity: 'error' }),
      gitRepository(ns, 'app', gitUrl),
      receiver(ns, 'hook'),
    ];
    for (const object of objects) await apply(object as KubeObject);
  }

  async measureAll(commit: (text: string) => Promise<string>): Promise<void> {
    const environment = this.#environment();
    await this.#sweepAll(environment);
    const names = Array.from({ length: applications }, (_, n) => `app-${n}`);
    for (const [n, name] of names.entries())
      await this.#installed.apply(kustomization(ns, name, { path: `./apps/${n}`, interval: '10m' }) as KubeObject);
    const [first, ...others] = await this.#sweepFor(environment, names);
    this.#keep('Kustomization, ten objects made', await this.#deliver(environment, first!));
    await this.#drain(environment, others);
    await this.#sweepAll(environment);
    await this.#atRest(environment);
    await this.#push(environment, commit);
    await this.#waiting(environment);
    await this.#due(environment);
  }

  /** Intervals that find nothing new, in a warm environment and in fresh ones; and the sweep of the same. */
  async #atRest(environment: Environment): Promise<void> {
    const checks = { GitRepository: 'app', Kustomization: 'app-0' };
    for (const [kind, name] of Object.entries(checks)) {
      this.#keep(`${kind}, unchanged`, await leastOf(() => this.#check(environment, kind, name)));
      this.#keep(`${kind}, unchanged, cold`, await this.#check(this.#environment(), kind, name));
    }
    this.#keep('sweep, unchanged', await leastOf(() => this.#sweepAll(environment)));
  }

  /** A webhook, what its source makes of it, and what that brings to the Kustomizations. */
  async #push(environment: Environment, commit: (text: string) => Promise<string>): Promise<void> {
    const body = JSON.stringify({ ref: 'refs/heads/main' });
    const signature = createHmac('sha256', 't').update(body).digest('hex');
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-hub-signature-256': `sha256=${signature}`,
    };
    const hook = await this.#installed.cluster.get<KubeObject>(
      { apiVersion: 'notification.toolkit.fluxcd.io/v1', kind: 'Receiver' },
      ns,
      'hook',
    );
    const path: string = hook?.status?.webhookPath;
    await environment.run({ type: 'hook', path, headers, body });
    await this.#check(environment, 'GitRepository', 'app');
    await this.#sweepAll(environment);
    await commit('two');
    const pushed = await leastOf(() => environment.run({ type: 'hook', path, headers, body }));
    this.#keep('webhook', pushed);
    const source = await this.#deliver(environment, pushed.sent[0]!);
    this.#keep(`GitRepository, new revision, ${applications} dependents`, source);
    const dependents = source.sent.filter(({ message }) => message.queue === 'kustomize');
    this.#keep('Kustomization, one of ten objects changed', await this.#deliver(environment, dependents[0]!));
    this.#keep('Kustomization, one of ten changed, cold', await this.#deliver(this.#environment(), dependents[1]!));
    await this.#drain(environment, dependents.slice(2));
    const event = source.sent.find(({ message }) => message.queue === 'notification');
    this.#keep('event, no Alert asks for it', await this.#deliver(environment, event!));
    await this.#installed.apply(alert(ns, 'all') as KubeObject);
    await this.#sweepAll(environment);
    await this.#check(environment, 'GitRepository', 'app');
    await commit('three');
    const again = await this.#check(environment, 'GitRepository', 'app');
    const told = again.sent.find(({ message }) => message.queue === 'notification');
    this.#keep('event, one Provider told', await this.#deliver(environment, told!));
    await this.#drain(
      environment,
      again.sent.filter(({ message }) => message.queue === 'kustomize'),
    );
  }

  /** Health that does not come: applied and left, then looked at again by a timer. */
  async #waiting(environment: Environment): Promise<void> {
    const spec = { path: './broken', wait: true, timeout: '30m', interval: '60m' };
    await this.#installed.apply(kustomization(ns, 'broken', spec) as KubeObject);
    const [made] = await this.#sweepFor(environment, ['broken']);
    const left = await this.#deliver(environment, made!);
    const timer = left.sent.find(({ delaySeconds }) => delaySeconds !== undefined);
    this.#keep('Kustomization, health awaited, by timer', await this.#deliver(environment, timer!));
  }

  /** A hundred objects whose time has come. */
  async #due(environment: Environment): Promise<void> {
    const { index } = this.#installed.local;
    const known = await index.getObject(keyOf('Kustomization', 'app-0'));
    for (let n = 0; n < 100; n++) {
      const record: IndexedObject = { ...known!, key: { ...known!.key, name: `due-${n}` }, dueAt: 1 };
      await index.putObject(record);
    }
    this.#keep('schedule, a hundred objects due', await environment.run({ type: 'due' }));
  }

  /** Sweeps, and works on all that comes of it, until a sweep finds nothing; that one is answered. */
  async #sweepAll(environment: Environment): Promise<Answer> {
    for (;;) {
      const swept = await environment.run({ type: 'sweep', cluster: 'main' });
      if (swept.sent.length === 0 && !swept.tally['index.getObject']) return swept;
      await this.#drain(environment, swept.sent);
    }
  }

  /**
   * Sweeps until messages for these Kustomizations have come of it, and works on all others: on a busy machine, a watch may be
   * closed before it has told everything.
   */
  async #sweepFor(environment: Environment, names: string[]): Promise<Sent[]> {
    const found = new Map<string, Sent>();
    while (names.some(name => !found.has(name))) {
      const { sent } = await environment.run({ type: 'sweep', cluster: 'main' });
      for (const one of sent) {
        const { kind, name } = JSON.parse(one.message.body) as { kind?: string; name?: string };
        if (kind === 'Kustomization' && names.includes(name!)) found.set(name!, one);
        else await this.#drain(environment, [one]);
      }
    }
    return names.map(name => found.get(name)!);
  }

  async #drain(environment: Environment, sent: Sent[]): Promise<void> {
    const open = sent.filter(({ delaySeconds }) => delaySeconds === undefined);
    for (let next = open.shift(); next; next = open.shift()) {
      const answer = await this.#deliver(environment, next);
      open.push(...answer.sent.filter(({ delaySeconds }) => delaySeconds === undefined));
    }
  }

  #deliver(environment: Environment, { message }: Sent): Promise<Answer> {
    return environment.run({ type: 'message', queue: message.queue, body: message.body });
  }

  #check(environment: Environment, kind: string, name: string): Promise<Answer> {
    const cause = { reason: 'interval', trace: 'measure', sentAt: Date.now() };
    const message = messageOf(workItem(keyOf(kind, name), cause));
    return this.#deliver(environment, { message, delaySeconds: undefined });
  }
}

const rounds = 5;

/** Of some that are the same, the one that took the least CPU: the others were held up by what else the machine does. */
async function leastOf(act: () => Promise<Answer>): Promise<Answer> {
  // The first finds less at hand.
  await act();
  let least = await act();
  for (let n = 1; n < rounds; n++) {
    const next = await act();
    if (next.cpuMs < least.cpuMs) least = next;
  }
  return least;
}

function keyOf(kind: string, name: string): ObjectKey {
  return { cluster: 'main', kind, namespace: ns, name };
}
