import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { connect } from '../kube/client.ts';
import { accessFromKubeconfig } from '../kube/kubeconfig.ts';
import type { ClusterRecord } from '../ports/index.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { may } from './access-review.ts';
import { CommandError, dirOption, type ExitCode, type Io, readArgs, UsageError } from './command.ts';
import { withInstallation } from './installation.ts';
import { type Minified, minifyKubeconfig } from './minified-kubeconfig.ts';

const options = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  changes: { type: 'string' },
  eks: { type: 'string' },
  region: { type: 'string' },
  'role-arn': { type: 'string' },
  ...dirOption,
} as const;

/** `sluice cluster add`: registers a cluster after it answered. */
export async function add(args: string[], io: Io): Promise<ExitCode> {
  const { values, positionals } = readArgs(args, options, 1);
  const name = checkName(positionals[0]);
  const changes = checkChanges(values.changes ?? 'watch');
  if (values.eks !== undefined) throw new CommandError(eksNotBuilt(name, values.eks, values.region));
  if (values.kubeconfig === undefined) throw new UsageError('say how to reach the cluster: --kubeconfig FILE');
  const kubeconfig = readFile(resolve(io.cwd, values.kubeconfig));
  const minified = minifyKubeconfig(kubeconfig.text, kubeconfig.file, values.context);
  return withInstallation(
    io,
    values.dir,
    async ({ ports }): Promise<ExitCode> => {
      if (await ports.index.cluster(name)) throw taken(name);
      const rights = await askServer(name, minified);
      const secret = `cluster-${name}-${randomBytes(4).toString('hex')}`;
      await ports.secrets.put(secret, minified.text);
      const access: ClusterRecord['access'] = { type: 'kubeconfig', secret, context: minified.context };
      if (!(await ports.index.addCluster({ name, access, changes, addedAt: ports.clock.now() }))) {
        await ports.secrets.delete(secret);
        throw taken(name);
      }
      io.out(`cluster "${name}" registered: ${minified.server}`);
      if (rights === 'limited')
        io.out(
          'note: these credentials are not those of a cluster administrator; `sluice check` shows what is missing',
        );
      io.out(`next: \`sluice install --cluster ${name}\` puts the definitions of Flux's kinds into it`);
      return 0;
    },
    { create: true },
  );
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

function readFile(file: string): { file: string; text: string } {
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new CommandError(`the kubeconfig cannot be read: ${messageOfError(error)}`);
  }
}

/** Asks the API server something that every authenticated user may ask, so that wrong credentials are found out now. */
async function askServer(name: string, { text, server, context }: Minified): Promise<'all' | 'limited'> {
  const client = connect(name, await accessFromKubeconfig(text, context), { maxRetries: 1, timeoutMs: 15_000 });
  try {
    return (await may(client, { verb: '*', group: '*', resource: '*' })) ? 'all' : 'limited';
  } catch (error) {
    throw new CommandError(
      `the API server of "${name}" (${server}) does not answer as it should: ${messageOfError(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    client.close();
  }
}

function taken(name: string): CommandError {
  return new CommandError(
    `a cluster "${name}" is registered already; choose another name, or remove that one with \`sluice cluster remove ${name}\``,
  );
}

function eksNotBuilt(name: string, eks: string, region: string | undefined): string {
  const file = `${name}.kubeconfig`;
  return [
    'registering a cluster by its EKS name (access entries, IAM) is not built yet. Use a kubeconfig, which signs in by the aws command:',
    `  aws eks update-kubeconfig --name ${eks} --region ${region ?? 'REGION'} --kubeconfig ${file}`,
    `  sluice cluster add ${name} --kubeconfig ${file}`,
  ].join('\n');
}
