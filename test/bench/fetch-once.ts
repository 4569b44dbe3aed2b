import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import { openFleet } from '../scenario/fleet.ts';
import { secret, yaml } from '../scenario/manifests.ts';
import { applyManifests, type World } from '../scenario/world.ts';
import { type Figure, median } from './table.ts';

const count = 200;
const rounds = 3;

/**
 * 200 GitRepositories in four clusters on one repository, told of a push by one webhook: until all are Ready at it, and what
 * was asked of the Git server. `alone`: each has credentials of its own, so that nothing can be shared.
 */
export async function benchFetchOnce(world: World, alone: boolean): Promise<Figure[]> {
  const fleet = await openFleet(world, count);
  try {
    const repo = await createRepository(world.repositories, 'shared.git', { 'a.txt': '0' }, { branch: 'main' });
    const first = await commitFiles(repo, { 'a.txt': '1' }, { branch: 'main' });
    const url = `${world.git.url}/shared.git`;
    if (alone)
      for (const { cluster, namespace, name } of fleet.members)
        await applyManifests(cluster, yaml(secret(namespace, name, { username: name, password: 'any' })));
    await fleet.create(url, first, ({ name }) => (alone ? { secretRef: { name } } : {}));
    const seconds: number[] = [];
    const asked = { fetch: [] as number[], 'ls-refs': [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const sha = await commitFiles(repo, { 'a.txt': `push ${round}` }, { branch: 'main' });
      world.git.requests.length = 0;
      const start = performance.now();
      await fleet.push(sha);
      seconds.push((performance.now() - start) / 1000);
      for (const [command, counts] of Object.entries(asked))
        counts.push(world.git.requests.filter(request => request.command === command).length);
    }
    const what = `${count} on one repository, ${alone ? 'credentials each of its own' : 'shared'}`;
    return [
      { name: `${what}: push → all Ready`, value: median(seconds), unit: 's' },
      { name: `${what}: fetches a push`, value: Math.max(...asked.fetch), unit: 'calls' },
      { name: `${what}: listings of references a push`, value: Math.max(...asked['ls-refs']), unit: 'calls' },
    ];
  } finally {
    await fleet.close();
  }
}
