/** A worker that asks for sources, as fetch-once.ts needs it. As a program (`node asker.ts DIR NAME COUNT`) it is one of several. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import type { ObjectKey } from '../../../api/object.ts';
import { artifactKey } from '../../../artifact/layout.ts';
import { type LocalPorts, localPorts } from '../../../local/local-ports.ts';
import { askOnce, type Fetched, fetchOnce } from '../fetch-once.ts';
import type { Asker } from '../fetch-once-turn.ts';

export const keyNamed = (name: string): ObjectKey => ({
  cluster: name.split('/')[0] ?? '',
  kind: 'GitRepository',
  namespace: 'ns',
  name: name.split('/')[1] ?? '',
});

/** An object that is reconciled now; `over` says otherwise. */
export function asker(ports: LocalPorts, name: string, over: Partial<Asker> = {}): Asker {
  const now = ports.clock.now();
  return {
    ports,
    clock: ports.clock,
    log: ports.log,
    signal: AbortSignal.timeout(60_000),
    deadline: now + 60_000,
    askedAt: now,
    startedAt: now,
    key: keyNamed(name),
    ...over,
  };
}

/** Puts an artifact into the store, of which the digest is made up. */
export async function storeArtifact(ports: LocalPorts, hex: string): Promise<Fetched> {
  const digest = `sha256:${hex.repeat(64)}`;
  await ports.store.put(artifactKey(digest), Buffer.from('artifact'));
  return { digest, size: 8, revision: 'main@sha1:x', detail: { message: 'Begin' } };
}

const [, program = '', dir = '', name = '', count = '0'] = process.argv;
if (import.meta.url === pathToFileURL(program).href) {
  const ports = localPorts({ dir, publicUrl: 'http://127.0.0.1' });
  const note = (what: string) => appendFileSync(join(dir, 'done.txt'), `${what}\n`);
  const question = { kind: 'git', url: 'https://example.com/app.git', revision: '1', credentials: [] };
  await Promise.all(
    Array.from({ length: Number(count) }, async (_, n) => {
      const work = asker(ports, `${name}/app-${n}`, { askedAt: 0 });
      const tag = await askOnce(work, question, z.string(), async () => {
        note('asked');
        await delay(100);
        return 'v1';
      });
      const fetched = await fetchOnce(work, question, async () => {
        note('fetched');
        await delay(300);
        return storeArtifact(ports, 'a');
      });
      note(`told ${tag} ${fetched.digest.slice(7, 9)} ${fetched.detail?.message}`);
    }),
  );
  ports.close();
}
