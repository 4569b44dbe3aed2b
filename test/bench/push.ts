import { commitFiles, createRepository } from '../../shared/local/git-server.ts';
import {
  configMap,
  deployment,
  gitRepository,
  kustomization,
  receiver,
  secret,
  service,
  yaml,
} from '../scenario/manifests.ts';
import { conditionOf, githubPush, until, type World } from '../scenario/world.ts';
import { type Figure, median, percentile } from './table.ts';

const rounds = 15;

/** From the moment the webhook is sent to the objects in the cluster, and to Ready with health checked; everything warm. */
export async function benchPush(world: World): Promise<Figure[]> {
  const ns = 'push';
  await world.namespace(ns);
  const files = (n: number) => ({
    'app.yaml': yaml(deployment('web', `web:${n}`), service('web'), configMap('settings', { n: String(n) })),
  });
  const repo = await createRepository(world.repositories, 'push.git', files(0), { branch: 'main' });
  await world.apply(
    yaml(
      secret(ns, 'webhook-token', { token: 't' }),
      gitRepository(ns, 'app', `${world.git.url}/push.git`),
      kustomization(ns, 'app', { wait: true, timeout: '1m' }),
      receiver(ns, 'hook'),
    ),
  );
  await world.condition('Kustomization', ns, 'app', 'Ready', 'True');
  const path = (await world.condition('Receiver', ns, 'hook', 'Ready', 'True')).status.webhookPath;
  const applied: number[] = [];
  const ready: number[] = [];
  for (let n = 1; n <= rounds + 3; n++) {
    const sha = await commitFiles(repo, files(n), { message: `Release ${n}`, branch: 'main' });
    const start = performance.now();
    await githubPush(`${world.runtime.gateway}${path}`, 't');
    await until(
      'the push is applied',
      async () => (await world.get('ConfigMap', ns, 'settings'))?.data.n === String(n),
    );
    const whenApplied = performance.now() - start;
    await until('it is Ready', async () => {
      const object = await world.get('Kustomization', ns, 'app');
      return object?.status.lastAppliedRevision?.endsWith(sha) && conditionOf(object, 'Ready')?.status === 'True';
    });
    // The first rounds warm up connections, compiled code and caches.
    if (n > 3) {
      applied.push(whenApplied / 1000);
      ready.push((performance.now() - start) / 1000);
    }
  }
  return [
    { name: 'push → applied, median', value: median(applied), unit: 's' },
    { name: 'push → applied, 90th percentile', value: percentile(applied, 0.9), unit: 's' },
    { name: 'push → healthy and Ready, median', value: median(ready), unit: 's' },
  ];
}
