import { join } from 'node:path';
import { FileSecrets } from '../../shared/local/file-secrets.ts';
import { FileStore } from '../../shared/local/file-store.ts';
import { SqliteIndex } from '../../shared/local/sqlite-index.ts';
import { SqliteQueue } from '../../shared/local/sqlite-queue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { systemClock } from '../../shared/ports/clock.ts';

/** The embedded ports on a directory. */
export const embedded = {
  queue: (dir: string, clock: Clock = systemClock) => new SqliteQueue(join(dir, 'queue.db'), clock),
  index: (dir: string, clock: Clock = systemClock) => new SqliteIndex(join(dir, 'index.db'), clock),
  store: (dir: string) => new FileStore(join(dir, 'store')),
  secrets: (dir: string) => new FileSecrets(join(dir, 'secrets')),
};

/** For ports-process.ts: `argument` is `PORT:DIR`. */
export async function open(argument: string): Promise<unknown> {
  const colon = argument.indexOf(':');
  return embedded[argument.slice(0, colon) as keyof typeof embedded](argument.slice(colon + 1));
}
