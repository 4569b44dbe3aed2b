import { randomBytes } from 'node:crypto';
import { createRepository } from '../../shared/local/git-server.ts';
import { gitRepository, yaml } from '../scenario/manifests.ts';
import type { World } from '../scenario/world.ts';
import { memoryOfTree, peakMemory } from './processes.ts';
import type { Figure } from './table.ts';

/** A tree of 100 MB in 2,000 files: what the whole installation needs more than at rest while it fetches and stores it. */
export async function benchMemory(world: World): Promise<Figure[]> {
  const ns = 'memory';
  await world.namespace(ns);
  const files = Object.fromEntries(
    Array.from({ length: 2000 }, (_, n) => [`dir-${n % 50}/file-${n}.bin`, randomBytes(50_000)]),
  );
  await createRepository(world.repositories, 'large.git', files, { branch: 'main' });
  const rest = memoryOfTree(world.runtime.pid);
  const start = performance.now();
  const { peak } = await peakMemory(world.runtime.pid, async () => {
    await world.apply(yaml(gitRepository(ns, 'large', `${world.git.url}/large.git`)));
    await world.condition('GitRepository', ns, 'large', 'Ready', 'True');
  });
  return [
    { name: 'tree of 100 MB: push → artifact', value: (performance.now() - start) / 1000, unit: 's' },
    { name: 'tree of 100 MB: peak memory, all processes', value: peak, unit: 'MiB' },
    { name: 'tree of 100 MB: peak over rest', value: peak - rest, unit: 'MiB' },
  ];
}
