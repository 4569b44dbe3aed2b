import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ConnectOptions, connect } from '../kube/client.ts';
import { accessFromKubeconfig } from '../kube/kubeconfig.ts';
import type { ClusterRecord } from '../ports/index.ts';
import type { Ports } from '../ports/ports.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { rightsOf } from './access-review.ts';
import { reachEks } from './cluster-add-eks.ts';
import { CommandError, dirOption, type ExitCode, type Io, readArgs, UsageError } from './command.ts';
import { withInstallation } from './installation.ts';
import { minifyKubeconfig } from './minified-kubeconfig.ts';
import type { Reached } from './reached.ts';

const options = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  changes: { type: 'string' },
  eks: { type: 'string' },
  region: { type: 'string' },
  'role-arn': { type: 'string' },
  'create-access-entry': { type: 'boolean' },
  ...dirOption,
} as const;

type Values = ReturnType<typeof readArgs<typeof options>>['values'];

/** `sluice cluster add`: registers a cluster after it answered. */
export async function add(args: string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArgs(args, options, 1);
  const name = checkName(positionals[0]);
  const changes = checkChanges(values.changes ?? 'watch');
  const reach = reachable(name, values, io);
  return withInstallation(
    io,
    values.dir,
    async ({ ports }): Promise<ExitCode> => {
      if (await ports.index.cluster(name)) throw taken(name);
      const reached = await reach();
      const access = await keep(name, reached, ports);
      if (!(await ports.index.addCluster({ name, access, changes, addedAt: ports.clock.now() }))) {
        if (access.type === 'kubeconfig') await ports.secrets.delete(access.secret);
        throw taken(name);
      }
      io.out(`cluster "${name}" registered: ${reached.server}`);
      if (reached.rights === 'limited')
        io.out(
          'note: these credentials are not those of a cluster administrator; `sluice check` shows what is missing',
        );
      io.out(`next: \`sluice install --cluster ${name}\` puts the definitions of Flux's kinds into it`);
      return 0;
    },
    { create: true },
  );
}

/** How the cluster will be reached; what is wrong with the command line is told before anything is asked or made. */
function reachable(name: string, values: Values, io: Io): () => Promise<Reached> {
  const { eks, kubeconfig, context, region, 'role-arn': roleArn, 'create-access-entry': createEntry } = values;
  if (eks !== undefined) {
    if (kubeconfig !== undefined || context !== undefined)
      throw new UsageError('--eks and --kubeconfig are two ways to reach a cluster; give one of them');
    return reachEks({ name, clusterName: eks, region, roleArn, createEntry: createEntry ?? false }, io);
  }
  for (const [option, value] of Object.entries({
    region,
    'role-arn': roleArn,
    'create-access-entry': createEntry,
  }))
    if (value !== undefined)
      throw new UsageError(`--${option} is about EKS; name the cluster there with --eks CLUSTER`);
  if (kubeconfig === undefined)
    throw new UsageError('say how to reach the cluster: --kubeconfig FILE, or --eks CLUSTER --region REGION');
  const file = resolve(io.cwd, kubeconfig);
  const minified = minifyKubeconfig(readFile(file), file, context);
  return async () => {
    const access = await accessFromKubeconfig(minified.text, minified.context);
    return { server: minified.server, rights: await askServer(name, minified.server, access), kubeconfig: minified };
  };
}

/** What the registration says of the access; a kubeconfig becomes a secret. */
async function keep(name: string, reached: Reached, ports: Ports): Promise<ClusterRecord['access']> {
  if ('eks' in reached) return reached.eks;
  const secret = `cluster-${name}-${randomBytes(4).toString('hex')}`;
  await ports.secrets.put(secret, reached.kubeconfig.text);
  return { type: 'kubeconfig', secret, context: reached.kubeconfig.context };
}

function checkName(name: string | undefined): string {
  if (!name) throw new UsageError('name the cluster: sluice cluster add NAME …');
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
    throw new UsageError(
      `"${name}" cannot be the name of a cluster: it has to be a DNS label (lower-case letters, digits and hyphens, at most 63)`,
    );
  return name;
}

function checkChanges(changes: string): ClusterRecord['changes'] {
  if (changes === 'sweep' || changes === 'watch') return changes;
  throw new UsageError(`--changes is "${changes}"; it has to be sweep or watch`);
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`the kubeconfig cannot be read: ${messageOfError(error)}`);
  }
}

/** Wrong credentials are found out now, and not when the first object waits. */
async function askServer(
  name: string,
  server: string,
  access: Parameters<typeof connect>[1],
): Promise<'all' | 'limited'> {
  const client = connect(name, access, asking);
  try {
    return await rightsOf(client);
  } catch (error) {
    throw new CommandError(`the API server of "${name}" (${server}) does not answer as it should`, { cause: error });
  } finally {
    client.close();
  }
}

const asking: ConnectOptions = { maxRetries: 1, timeoutMs: 15_000 };

function taken(name: string): CommandError {
  return new CommandError(
    `a cluster "${name}" is registered already; choose another name, or remove that one with \`sluice cluster remove ${name}\``,
  );
}
