/** Sources of one kind on a sandbox, reconciled one by one in this process. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Installed, startInstalled } from '../../../../test/fixtures/installed.ts';
import { apiVersionOf, kindOf } from '../../../api/kinds.ts';
import type { Condition, KubeObject } from '../../../api/object.ts';
import { fetchArtifact } from '../../../artifact/layout.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Ports } from '../../../ports/ports.ts';
import { messageOf, workItem } from '../../../reconcile/work-item.ts';
import { work } from '../../../reconcile/worker.ts';

type Controllers = Parameters<typeof work>[1];

/** What one object was told to be, or told. */
export interface Told {
  /** `<severity> <reason>: <message>`. */
  text: string;
  metadata: Record<string, string>;
}

export interface SourceWorld extends Installed {
  /** Moves the clock of the reconciles ahead. */
  clock: Clock & { ahead: number };
  /** Applies an object of the namespace default, reconciles it, and answers it as it then is. */
  reconcile(name: string, spec: Record<string, unknown>): Promise<KubeObject>;
  /** Reconciles it once more, as it is. */
  again(name: string): Promise<KubeObject>;
  secret(name: string, data: Record<string, string>, type?: string): Promise<void>;
  /** Files of the artifact of an object: their paths and texts. */
  files(object: KubeObject): Promise<Record<string, string>>;
  /** What was sent for notification since the last call about this object. */
  events(name: string): Told[];
}

/** `more`: parts of the ports that are other than usual. */
export async function startSourceWorld(
  kind: string,
  controllers: Controllers,
  more: Partial<Ports> = {},
): Promise<SourceWorld> {
  const installed = await startInstalled();
  const { cluster, apply } = installed;
  const definition = kindOf(kind);
  if (!definition) throw new Error(`${kind} is not registered`);
  const type = { apiVersion: apiVersionOf(definition), kind };
  const clock = { ahead: 0, now: () => Date.now() + clock.ahead };
  const ports: Ports = { ...installed.ports, clock, ...more };
  let count = 0;
  const busy = new Set<string>();
  const noted = controllers.map(controller => noting(controller, busy));
  let told: ReturnType<Installed['sent']> = [];
  const again = async (name: string): Promise<KubeObject> => {
    // A message that was sent before the last start would be taken for done.
    clock.ahead += 1000;
    const key = { cluster: 'main', kind, namespace: 'default', name };
    const { body } = messageOf(workItem(key, { reason: 'test', trace: `t${++count}`, sentAt: clock.now() }));
    const attributes = { MessageGroupId: name, ApproximateReceiveCount: '1' };
    const deadline = clock.now() + 15 * 60_000;
    const answer = await work([{ messageId: `m${count}`, body, attributes }], noted, ports, deadline);
    if (answer.batchItemFailures.length > 0) throw new Error(`not reconciled: ${installed.log.slice(-5).join('\n')}`);
    // As by its timer: on a machine that stalls, another that fetches the same takes longer than is waited for.
    if (busy.delete(name)) return again(name);
    const object = await cluster.get(type, 'default', name);
    if (!object) throw new Error(`${kind} ${name} is gone`);
    return object;
  };
  return {
    ...installed,
    ports,
    clock,
    again,
    async reconcile(name, spec) {
      await apply({ ...type, metadata: { name, namespace: 'default' }, spec: { interval: '10m', ...spec } });
      return again(name);
    },
    async secret(name, stringData, secretType = 'Opaque') {
      const metadata = { name, namespace: 'default' };
      await apply({ apiVersion: 'v1', kind: 'Secret', metadata, type: secretType, stringData });
    },
    files: object => filesOf(object, ports),
    events(name) {
      told = [...told, ...installed.sent()];
      const ours = told.filter(({ body }) => body.type === 'event' && body.involvedObject.name === name);
      told = told.filter(entry => !ours.includes(entry));
      return ours.map(({ body }) => ({
        text: `${body.severity} ${body.reason}: ${body.message}`,
        metadata: body.metadata,
      }));
    },
  };
}

/** The controller, and the names of objects that are to come again because another is fetching the same. */
function noting(controller: Controllers[number], busy: Set<string>): Controllers[number] {
  return {
    ...controller,
    async reconcile(context) {
      const outcome = await controller.reconcile(context);
      if (outcome.type === 'requeue') busy.add(context.key.name);
      return outcome;
    },
  };
}

async function filesOf(object: KubeObject, { store }: Ports): Promise<Record<string, string>> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-files-'));
  try {
    const root = join(dir, 'a');
    await fetchArtifact(store, object.status.artifact, root);
    const paths = readdirSync(root, { recursive: true }).map(String).sort();
    const files = paths.filter(path => statSync(join(root, path)).isFile());
    return Object.fromEntries(files.map(path => [path, readFileSync(join(root, path), 'utf8')]));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** `<status> <reason>: <message>` of a condition; undefined without it. */
export function conditionText(object: KubeObject, type: string): string | undefined {
  const conditions: Condition[] = object.status?.conditions ?? [];
  const found = conditions.find(condition => condition.type === type);
  return found && `${found.status} ${found.reason}: ${found.message}`;
}
