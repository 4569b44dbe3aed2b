import { newerThanOurs } from '../api/install/newer.ts';
import { kinds } from '../api/kinds.ts';
import type { KubeObject } from '../api/object.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Ports } from '../ports/ports.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { may, type Right } from './access-review.ts';
import { fluxControllers } from './flux-controllers.ts';

export interface Finding {
  level: 'good' | 'warn' | 'bad';
  text: string;
}

/** Everything worth saying about a cluster; one that does not answer is one finding. */
export async function checkCluster(name: string, ports: Ports): Promise<Finding[]> {
  try {
    const cluster = await ports.clusters.get(name);
    const rights = await checkRights(cluster);
    const definitions = await checkDefinitions(cluster, name);
    const beside = (await fluxControllers(cluster)).map(text => ({ level: 'warn' as const, text }));
    return [{ level: 'good', text: 'the API server answers' }, ...definitions, ...rights, ...beside];
  } catch (error) {
    return [{ level: 'bad', text: `the cluster cannot be asked: ${messageOfError(error)}` }];
  }
}

async function checkDefinitions(cluster: Cluster, name: string): Promise<Finding[]> {
  const type = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };
  const found = await Promise.all(
    kinds.map(async ({ group, plural, version, kind }): Promise<Finding | undefined> => {
      const crd = await cluster.get(type, undefined, `${plural}.${group}`);
      if (!crd) return { level: 'bad', text: `${kind} is not defined; run \`sluice install --cluster ${name}\`` };
      if (!servedVersions(crd).includes(version))
        return {
          level: 'bad',
          text: `${kind} is served as ${servedVersions(crd).join(', ')}, but ${version} is needed; run \`sluice install --cluster ${name}\``,
        };
      const newer = newerThanOurs(crd);
      return newer && { level: 'warn', text: `${kind} is left as it is: ${newer.reason}` };
    }),
  );
  const findings = found.filter(finding => finding !== undefined);
  const good = kinds.length - findings.length;
  return good > 0
    ? [{ level: 'good', text: `${good} of ${kinds.length} kinds are defined as needed` }, ...findings]
    : findings;
}

function servedVersions(crd: KubeObject): string[] {
  const versions: { name: string; served: boolean }[] = crd.spec?.versions ?? [];
  return versions.filter(version => version.served).map(version => version.name);
}

/** What the controllers do in their own name. */
const needed: Right[] = [
  ...kinds.flatMap(({ group, plural, hasStatus }): Right[] => [
    { verb: 'list', group, resource: plural },
    { verb: 'watch', group, resource: plural },
    { verb: 'patch', group, resource: plural },
    ...(hasStatus ? [{ verb: 'patch', group, resource: plural, subresource: 'status' }] : []),
  ]),
  { verb: 'get', group: '', resource: 'secrets' },
  { verb: 'get', group: '', resource: 'configmaps' },
  { verb: 'create', group: '', resource: 'events' },
  { verb: 'patch', group: '', resource: 'events' },
];

async function checkRights(cluster: Cluster): Promise<Finding[]> {
  if (await may(cluster, { verb: '*', group: '*', resource: '*' }))
    return [{ level: 'good', text: 'the credentials may do everything' }];
  const answers = await Promise.all(needed.map(right => may(cluster, right)));
  const missing = needed.filter((_, position) => !answers[position]).map(rightText);
  const impersonates = await may(cluster, { verb: 'impersonate', group: '', resource: 'serviceaccounts' });
  const limited: Finding = {
    level: 'warn',
    text: `the credentials are not those of a cluster administrator: Kustomizations can apply only what they may${
      impersonates
        ? ', or have to name a spec.serviceAccountName'
        : '; those that name a spec.serviceAccountName need the right to impersonate it, which the credentials have not for all'
    }`,
  };
  if (missing.length === 0)
    return [{ level: 'good', text: 'the credentials may do what the controllers need' }, limited];
  return [
    {
      level: 'bad',
      text: `the credentials may not ${missing.join(', ')}; bind the ClusterRole sluice-controller to them`,
    },
    limited,
  ];
}

function rightText({ verb, group, resource, subresource }: Right): string {
  return `${verb} ${resource}${subresource ? `/${subresource}` : ''}${group ? `.${group}` : ''}`;
}
