import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { isRefusedAddress } from '../network/address.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { CommandError } from './command.ts';
import type { Minified } from './minified-kubeconfig.ts';

const User = z.looseObject({
  exec: z.looseObject({ command: z.string(), args: z.array(z.string()).nullish() }).nullish(),
  'auth-provider': z.looseObject({ name: z.string() }).nullish(),
  tokenFile: z.string().nullish(),
  token: z.string().nullish(),
  'client-certificate-data': z.string().nullish(),
});

const Kept = z.looseObject({
  users: z.array(z.looseObject({ name: z.string(), user: User })).optional(),
});

/** Credentials that end sooner are told of; those that live for many years are as good as lasting. */
const soonMs = 400 * 86_400_000;

/**
 * A kubeconfig as Lambda functions can use it: they have no files and no plugins. A token's file is put in; one whose user signs
 * in by a program is a CommandError that says what to do instead. `notes`: what ends when.
 */
export function kubeconfigForAws(minified: Minified, file: string, now: number): { kept: Minified; notes: string[] } {
  const config = Kept.parse(parse(minified.text));
  const entry = config.users?.[0];
  if (!entry) return { kept: minified, notes: [] };
  const { name, user } = entry;
  if (user.exec) throw pluginRefused(name, file, `the exec plugin "${user.exec.command}"`, eksOf(user.exec));
  if (user['auth-provider'])
    throw pluginRefused(name, file, `the auth provider "${user['auth-provider'].name}"`, undefined);
  if (user.tokenFile) {
    if (!user.token) user.token = readToken(user.tokenFile, file);
    delete user.tokenFile;
  }
  const end = Math.min(endOfToken(user.token), endOfCertificate(user['client-certificate-data']));
  const notes =
    end - now < soonMs
      ? [`these credentials end on ${new Date(end).toISOString()}; register the cluster again, with new ones, before`]
      : [];
  return { kept: { ...minified, text: stringify(config) }, notes };
}

/** The EKS cluster that a kubeconfig of `aws eks update-kubeconfig` (or of the authenticator) signs in to. */
function eksOf({ command, args }: { command: string; args?: string[] | null | undefined }): string | undefined {
  if (!/(^|\/)(aws|aws-iam-authenticator)(\.exe)?$/.test(command)) return undefined;
  const after = (...names: string[]) => args?.find((_, position) => names.includes(args[position - 1] ?? ''));
  return `--eks ${after('--cluster-name', '--cluster-id', '-i') ?? 'CLUSTER'} --region ${after('--region') ?? 'REGION'}`;
}

function pluginRefused(user: string, file: string, plugin: string, eks: string | undefined): CommandError {
  const instead = eks
    ? `register it by its EKS name: \`sluice cluster add NAME ${eks} --aws\``
    : 'sign in with the token of a service account instead: docs/clusters.md, "A token for Sluice", shows how to make one';
  return new CommandError(
    `user "${user}" of ${file} signs in by ${plugin}, which the functions on AWS do not have; ${instead}`,
  );
}

function readToken(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new CommandError(`tokenFile of ${file} cannot be read: ${messageOfError(error)}`);
  }
}

const Claims = z.object({ exp: z.number() });

/** Epoch ms; Infinity for a token that is no JSON Web Token, or says nothing about its end. */
function endOfToken(token: string | null | undefined): number {
  try {
    const claims = JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return Claims.parse(claims).exp * 1000;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function endOfCertificate(data: string | null | undefined): number {
  if (!data) return Number.POSITIVE_INFINITY;
  try {
    return Date.parse(new X509Certificate(Buffer.from(data, 'base64')).validTo);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Networks that are not part of the internet: RFC 1918, RFC 6598, RFC 4193. */
const privateNetworks = new BlockList();
privateNetworks.addSubnet('10.0.0.0', 8, 'ipv4');
privateNetworks.addSubnet('172.16.0.0', 12, 'ipv4');
privateNetworks.addSubnet('192.168.0.0', 16, 'ipv4');
privateNetworks.addSubnet('100.64.0.0', 10, 'ipv4');
privateNetworks.addSubnet('fc00::', 7, 'ipv6');

/**
 * Whether functions on AWS can reach the address of an API server, as far as the address tells: a CommandError for one of this
 * machine, a note for one of a private network. `resolve` gives the addresses of a host's name.
 */
export async function reachableFromAws(
  server: string,
  allowLoopback: boolean,
  resolve: (host: string) => Promise<string[]> = addressesOf,
): Promise<string[]> {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [host] : await resolve(host);
  const own = allowLoopback
    ? undefined
    : addresses.find(address => isRefusedAddress(address, { refuseLoopback: true }));
  if (own)
    throw new CommandError(
      `the API server's address ${server} leads to ${own}: that is the machine that asks, or the network card beside it. The functions on AWS cannot reach it there; give the kubeconfig an address that others can use`,
    );
  const inside = addresses.find(address => privateNetworks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
  if (!inside) return [];
  const named = inside === host ? inside : `${inside} (${host})`;
  return [
    `${named} is an address of a private network: the functions reach it only from a VPC that has a way there (option vpc of the stack, docs/aws.md)`,
  ];
}

/** None for a name that cannot be resolved: whoever asks the server says so better. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}
