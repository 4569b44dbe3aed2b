/** Requests that a kube-apiserver has answered, from its metrics. */
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';
import type { World } from '../scenario/world.ts';

/** By verb and resource (`GET kustomizations`), watches left out. Undefined on the sandbox, which does not count. */
export async function callsSoFar(world: World): Promise<Map<string, number> | undefined> {
  if (world.target.kind !== 'apiserver') return undefined;
  const access = await accessFromKubeconfig(world.target.kubeconfig);
  const token = 'token' in access ? access.token : undefined;
  const body = await new Promise<string>((resolve, reject) => {
    const options = { ca: access.ca, headers: { authorization: `Bearer ${token}` } };
    request(`${access.server}/metrics`, options, response => text(response).then(resolve, reject))
      .on('error', reject)
      .end();
  });
  const calls = new Map<string, number>();
  for (const line of body.split('\n')) {
    if (!line.startsWith('apiserver_request_total{')) continue;
    const label = (name: string) => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? '';
    if (label('verb') === 'WATCH' || label('resource') === '') continue;
    const key = `${label('verb')} ${label('resource')}`;
    calls.set(key, (calls.get(key) ?? 0) + Number(line.slice(line.lastIndexOf(' '))));
  }
  return calls;
}

/** How many requests there were since `before`, of the resources (`GET deployments` …) that `counts` names. */
export function callsSince(before: Map<string, number>, now: Map<string, number>, counts: RegExp): number {
  let sum = 0;
  for (const [key, value] of now) if (counts.test(key)) sum += value - (before.get(key) ?? 0);
  return sum;
}
