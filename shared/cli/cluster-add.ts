import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ConnectOptions, connect } from '../kube/client.ts';
import { accessFromKubeconfig, KubeconfigError } from '../kube/kubeconfig.ts';
import type { ClusterRecord } from '../ports/index.ts';
import type { Ports } from '../ports/ports.ts';
import { findError, messageOfError } from '../reconcile/errors.ts';
import { rightsOf } from './access-review.ts';
import { checkEks, type EksRequest, reachEks } from './cluster-add-eks.ts';
import { CommandError, type ExitCode, type Io, UsageError } from './command.ts';
import { type Installation, withInstallation } from './installation.ts';
import { kubeconfigForAws, reachableFromAws } from './kubeconfig-for-aws.ts';
import { type Minified, minifyKubeconfig } from './minified-kubeconfig.ts';
import { type Place, placeOf, placeOptions, readPlaceArgs } from './place.ts';
import type { Reached } from './reached.ts';

const options = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  changes: { type: 'string' },
  eks: { type: 'string' },
  region: { type: 'string' },
  'role-arn': { type: 'string' },
  'create-access-entry': { type: 'boolean' },
  ...placeOptions,
} as const;

type Values = ReturnType<typeof readPlaceArgs<typeof options>>['values'];

/** `sluice cluster add`: registers a cluster after it answered. */
export async function add(args: string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readPlaceArgs(args, options, 1);
  const name = checkName(positionals[0]);
  const place = placeOf(io, values);
  const changes = changesOf(values.changes, place);
  const reach = reachable(name, values, place, io);
  return withInstallation(
    io,
    place,
    async (installation): Promise<ExitCode> => {
      const { ports } = installation;
      if (await ports.index.cluster(name)) throw taken(name);
      const reached = await reach(installation);
      const access = await keep(name, reached, ports);
      if (!(await ports.index.addCluster({ name, access, changes, addedAt: ports.clock.now() }))) {
        if (access.type === 'kubeconfig') await ports.secrets.delete(access.secret);
        throw taken(name);
      }
      tell(name, reached, values.aws, io);
      return 0;
    },
    { create: true },
  );
}

function tell(name: string, { server, rights, notes }: Reached, aws: string | undefined, io: Io): void {
  io.out(`cluster "${name}" registered: ${server}`);
  if (rights === 'limited')
    io.out('note: these credentials are not those of a cluster administrator; `sluice check` shows what is missing');
  for (const note of notes ?? []) io.out(`note: ${note}`);
  const where = aws === undefined ? '' : ` --aws${aws && ` ${aws}`}`;
  io.out(`next: \`sluice install --cluster ${name}${where}\` puts the definitions of Flux's kinds into it`);
}

/** How the cluster will be reached; what is wrong with the command line is told before anything is asked or made. */
function reachable(name: string, values: Values, place: Place, io: Io): (there: Installation) => Promise<Reached> {
  const { eks, kubeconfig, context, region, 'role-arn': roleArn, 'create-access-entry': createEntry } = values;
  if (eks !== undefined) {
    if (kubeconfig !== undefined || context !== undefined)
      throw new UsageError('--eks and --kubeconfig are two ways to reach a cluster; give one of them');
    const request = { name, clusterName: eks, region, roleArn, createEntry: createEntry ?? false };
    return reachableEks(request, place, io);
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
  if (place.on === 'machine') return () => reachKubeconfig(name, minified);
  const { kept, notes } = kubeconfigForAws(minified, file, Date.now());
  return async ({ aws }) => {
    const network = await reachableFromAws(kept.server, aws?.allowLoopback ?? false);
    return { ...(await reachKubeconfig(name, kept)), notes: [...notes, ...network] };
  };
}

/** The region: that of the option, else that of the installation on AWS, else that of the environment. */
function reachableEks(request: EksRequest, place: Place, io: Io): (there: Installation) => Promise<Reached> {
  const region =
    request.region ?? (place.on === 'machine' ? io.env.AWS_REGION || io.env.AWS_DEFAULT_REGION : place.region);
  if (!region && place.on === 'machine')
    throw new UsageError('say in which region the cluster is: --region REGION (or set AWS_REGION)');
  checkEks({ ...request, region });
  return async ({ aws }) => {
    if (!aws) return reachEks({ ...request, region: region! }, io);
    const { reachForFunctions } = await import('./cluster-add-eks-aws.ts');
    return reachForFunctions({ ...request, region: region || aws.region }, aws.clusterRoleArn, io);
  };
}

async function reachKubeconfig(name: string, minified: Minified): Promise<Reached> {
  const access = await accessFromKubeconfig(minified.text, minified.context);
  return { server: minified.server, rights: await askServer(name, minified.server, access), kubeconfig: minified };
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

/** At once where a process runs all the time, every minute where none does. */
function changesOf(given: string | undefined, { on }: Place): ClusterRecord['changes'] {
  const changes = given ?? (on === 'aws' ? 'sweep' : 'watch');
  if (changes !== 'sweep' && changes !== 'watch')
    throw new UsageError(`--changes is "${changes}"; it has to be sweep or watch`);
  if (changes === 'watch' && on === 'aws')
    throw new UsageError('--changes watch keeps a connection open, which no function on AWS can; there, it is sweep');
  return changes;
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
    const local = findError(error, KubeconfigError);
    if (local) throw new CommandError(local.message);
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
