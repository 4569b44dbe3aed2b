import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../shared/ports/clock.ts';
import { embedded } from './open-embedded.ts';
import type { Implementation } from './ports.ts';
import { indexContract } from './ports-index.ts';
import { queueContract } from './ports-queue.ts';
import { secretsContract } from './ports-secrets.ts';
import { storeContract } from './ports-store.ts';

queueContract(onDisk('queue', embedded.queue));
storeContract(onDisk('store', embedded.store));
indexContract(onDisk('index', embedded.index));
secretsContract(onDisk('secrets', embedded.secrets));

type Closable = { close?(): void };

/** An embedded port on a directory of its own, with a clock that runs and can be put forward. */
function onDisk<Port extends object>(
  name: keyof typeof embedded,
  make: (dir: string, clock: Clock) => Port & Closable,
): Implementation<Port> {
  return {
    name: 'embedded',
    async open() {
      const dir = await mkdtemp(join(tmpdir(), `sluice-${name}-`));
      let ahead = 0;
      const clock = { now: () => Date.now() + ahead };
      const made = [make(dir, clock)];
      return {
        port: made[0]!,
        async again() {
          made.push(make(dir, clock));
          return made.at(-1)!;
        },
        advance: milliseconds => {
          ahead += milliseconds;
        },
        process: { module: new URL('./open-embedded.ts', import.meta.url).href, argument: `${name}:${dir}` },
        async close() {
          for (const port of made) port.close?.();
          await rm(dir, { recursive: true, force: true });
        },
      };
    },
  };
}
