/** OCIRepositories on a sandbox, reconciled one by one in this process. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../../shared/api/object.ts';
import { fetchArtifact } from '../../shared/artifact/layout.ts';
import { ociRepositoryController } from '../../shared/controllers/source/oci/oci-repository.ts';
import { messageOf, workItem } from '../../shared/reconcile/work-item.ts';
import { work } from '../../shared/reconcile/worker.ts';
import { type Installed, startInstalled } from '../fixtures/installed.ts';

export interface OciWorld extends Installed {
  /** Applies an OCIRepository of the namespace default, reconciles it once, and answers it as it then is. */
  reconcile(name: string, spec: Record<string, unknown>, cluster?: string): Promise<KubeObject>;
  /** Reconciles it once more, as it is. */
  again(name: string, cluster?: string): Promise<KubeObject>;
  secret(name: string, data: Record<string, string>, type?: string): Promise<void>;
  /** Files of the artifact of an object: their paths and texts. */
  files(object: KubeObject): Promise<Record<string, string>>;
  /** What was told of an object since the last call: `<severity> <reason>: <message>`. */
  events(name: string): { text: string; metadata: Record<string, string> }[];
}

const type = { apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'OCIRepository' };

export async function startOciWorld(): Promise<OciWorld> {
  const installed = await startInstalled();
  const { cluster, ports, apply } = installed;
  let count = 0;
  let told: ReturnType<Installed['sent']> = [];
  const again = async (name: string, on = 'main') => {
    const item = workItem(
      { cluster: on, kind: 'OCIRepository', namespace: 'default', name },
      { reason: 'test', trace: `t${++count}`, sentAt: ports.clock.now() },
    );
    const message = messageOf(item);
    // A message that was sent before the last start would be taken for done.
    await delay(150);
    const record = {
      messageId: `m${count}`,
      body: message.body,
      attributes: { MessageGroupId: name, ApproximateReceiveCount: '2' },
    };
    const answer = await work([record], [ociRepositoryController], ports, Date.now() + 15 * 60_000);
    if (answer.batchItemFailures.length > 0) throw new Error(`not reconciled: ${installed.log.slice(-5).join('\n')}`);
    const object = await cluster.get(type, 'default', name);
    if (!object) throw new Error(`OCIRepository ${name} is gone`);
    return object;
  };
  return {
    ...installed,
    again,
    async reconcile(name, spec, on) {
      const metadata = { name, namespace: 'default' };
      await apply({ ...type, metadata, spec: { interval: '10m', ...spec } });
      return again(name, on);
    },
    async secret(name, stringData, secretType = 'Opaque') {
      const metadata = { name, namespace: 'default' };
      await apply({ apiVersion: 'v1', kind: 'Secret', metadata, type: secretType, stringData });
    },
    async files(object) {
      const dir = mkdtempSync(join(tmpdir(), 'sluice-oci-'));
      try {
        await fetchArtifact(ports.store, object.status.artifact, join(dir, 'a'));
        const paths = readdirSync(join(dir, 'a'), { recursive: true }).map(String).sort();
        const files = paths.filter(path => statSync(join(dir, 'a', path)).isFile());
        return Object.fromEntries(files.map(path => [path, readFileSync(join(dir, 'a', path), 'utf8')]));
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
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

/** The `.dockerconfigjson` of one host. */
export function dockerConfig(host: string, login: Record<string, string>): Record<string, string> {
  return { '.dockerconfigjson': JSON.stringify({ auths: { [host]: login } }) };
}

export const dockerConfigType = 'kubernetes.io/dockerconfigjson';
