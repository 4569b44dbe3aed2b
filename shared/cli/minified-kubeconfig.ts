import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { CommandError } from './command.ts';

const Named = <T extends z.ZodType>(key: string, value: T) => z.looseObject({ name: z.string(), [key]: value });
const Fields = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform(value => value ?? {});

const Kubeconfig = z.looseObject({
  'current-context': z.string().nullish(),
  clusters: z.array(Named('cluster', Fields)).nullish(),
  users: z.array(Named('user', Fields)).nullish(),
  contexts: z.array(Named('context', z.looseObject({ cluster: z.string(), user: z.string().nullish() }))).nullish(),
});

export interface Minified {
  context: string;
  server: string;
  text: string;
}

/** Files whose contents can stand in the kubeconfig itself. */
const embedded: Record<'cluster' | 'user', [string, string][]> = {
  cluster: [['certificate-authority', 'certificate-authority-data']],
  user: [
    ['client-certificate', 'client-certificate-data'],
    ['client-key', 'client-key-data'],
  ],
};

/**
 * What of a kubeconfig is needed for one context, in a form that can be kept elsewhere: certificates and keys are put in,
 * paths that must stay paths (rotated tokens, commands of exec plugins) are made absolute. Access to other clusters that
 * the file may hold is not kept.
 */
export function minifyKubeconfig(text: string, file: string, context: string | undefined): Minified {
  const config = readKubeconfig(text, file);
  const contexts = config.contexts ?? [];
  const name = context ?? config['current-context'] ?? '';
  const names = contexts.map(each => each.name).join(', ') || 'none';
  if (!name) throw new CommandError(`${file} has no current-context; choose one with --context: ${names}`);
  const chosen = contexts.find(each => each.name === name);
  if (!chosen) throw new CommandError(`${file} has no context "${name}"; it has ${names}`);
  const { cluster: clusterName, user: userName } = chosen.context as { cluster: string; user?: string | null };
  const cluster = config.clusters?.find(each => each.name === clusterName);
  const user = config.users?.find(each => each.name === userName);
  if (!cluster)
    throw new CommandError(`context "${name}" of ${file} names the cluster "${clusterName}", which is not in it`);
  if (userName && !user)
    throw new CommandError(`context "${name}" of ${file} names the user "${userName}", which is not in it`);
  const clusterFields = embed('cluster', cluster.cluster as Record<string, unknown>, file);
  const userFields = user && absolute(embed('user', user.user as Record<string, unknown>, file), file);
  const minified = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    contexts: [chosen],
    clusters: [{ name: cluster.name, cluster: clusterFields }],
    ...(user ? { users: [{ name: user.name, user: userFields }] } : {}),
  };
  return { context: name, server: String(clusterFields.server ?? ''), text: stringify(minified) };
}

function readKubeconfig(text: string, file: string): z.infer<typeof Kubeconfig> {
  try {
    return Kubeconfig.parse(parse(text));
  } catch {
    // Neither the parser's nor the schema's message may show what the file holds.
    throw new CommandError(`${file} is not a kubeconfig`);
  }
}

function embed(part: 'cluster' | 'user', fields: Record<string, unknown>, file: string): Record<string, unknown> {
  const result = { ...fields };
  for (const [path, data] of embedded[part]) {
    const value = result[path];
    if (typeof value !== 'string' || value === '') continue;
    delete result[path];
    if (result[data]) continue;
    result[data] = readFrom(file, value, path).toString('base64');
  }
  return result;
}

function readFrom(file: string, path: string, field: string): Buffer {
  try {
    return readFileSync(resolve(dirname(file), path));
  } catch (error) {
    throw new CommandError(`${field} of ${file} cannot be read: ${(error as Error).message}`);
  }
}

function absolute(fields: Record<string, unknown>, file: string): Record<string, unknown> {
  const base = dirname(resolve(file));
  const result = { ...fields };
  if (typeof result.tokenFile === 'string') result.tokenFile = resolve(base, result.tokenFile);
  const exec = result.exec as { command?: unknown } | undefined;
  // As kubectl does: only a command with a slash is a path.
  if (typeof exec?.command === 'string' && exec.command.includes('/'))
    result.exec = { ...exec, command: resolve(base, exec.command) };
  return result;
}
