import { parse } from 'yaml';
import * as z from 'zod';
import type { Provider } from '../../../api/notification/provider.ts';
import type { KubeObject } from '../../../api/object.ts';
import type { Cluster } from '../../../ports/cluster.ts';
import { type Destination, PostFailed } from './provider-type.ts';

/** Where and how a Provider's POSTs go. */
export interface ProviderAccess {
  destination: Destination;
  tls: TlsMaterial;
  /** Texts that must not appear in logs, Events or errors. */
  secrets: string[];
}

/** PEM. */
export interface TlsMaterial {
  ca?: string;
  cert?: string;
  key?: string;
}

const Secret = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });
const Headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/),
  z.coerce.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/),
);

/** Bound of Flux's for addresses from Secrets, too. */
const maxAddress = 2048;

/**
 * Reads the Provider's Secrets: what they say goes before what the spec says. Throws PostFailed (without retry) when the
 * configuration cannot work; errors of the cluster pass through.
 */
export async function readAccess(cluster: Cluster, provider: Provider): Promise<ProviderAccess> {
  const { spec } = provider;
  const [values, certificates]: [Partial<Record<string, string>>, Record<string, string> | undefined] =
    await Promise.all([
      spec.secretRef ? readSecret(cluster, provider, spec.secretRef.name) : {},
      spec.certSecretRef ? readSecret(cluster, provider, spec.certSecretRef.name) : undefined,
    ]);
  if (values.proxy)
    throw invalid(provider, `Secret ${spec.secretRef?.name} has a 'proxy'; proxies are not built yet, remove it`);
  const address = addressOf(provider, values.address?.trim() ?? spec.address ?? '');
  const token = values.token?.trim() ?? '';
  const headers = headersOf(provider, values.headers);
  return {
    destination: {
      address,
      token,
      headers,
      channel: spec.channel ?? '',
      username: values.username ?? spec.username ?? '',
    },
    tls: certificates ? tlsOf(provider, certificates) : {},
    secrets: [
      address.href,
      `${address.pathname}${address.search}`,
      ...address.pathname.split('/').filter(part => part.length >= 16),
      ...address.searchParams.values(),
      address.password,
      token,
      values.password ?? '',
      ...Object.values(headers),
    ].filter(text => text.length >= 6),
  };
}

function addressOf(provider: Provider, text: string): URL {
  if (!text)
    throw invalid(provider, "there is no address: set spec.address, or 'address' in the Secret of spec.secretRef");
  if (text.length > maxAddress) throw invalid(provider, `the address is longer than ${maxAddress} characters`);
  const address = URL.parse(text);
  if (!address) throw invalid(provider, 'the address is not a URL; it has to start with https:// or http://');
  if (address.protocol !== 'https:' && address.protocol !== 'http:')
    throw invalid(
      provider,
      `the address has the scheme ${address.protocol.slice(0, 20)}; only https: and http: are sent to`,
    );
  return address;
}

function headersOf(provider: Provider, text: string | undefined): Record<string, string> {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch {
    // The parser's message quotes the text, which is secret.
    throw invalid(provider, `'headers' in Secret ${provider.spec.secretRef?.name} is not YAML`);
  }
  const headers = Headers.safeParse(value);
  if (!headers.success)
    throw invalid(
      provider,
      `'headers' in Secret ${provider.spec.secretRef?.name} is not a map of header names and values`,
    );
  return headers.data;
}

/** Keys as of a Secret of type kubernetes.io/tls, or the older names. */
function tlsOf(provider: Provider, values: Record<string, string>): TlsMaterial {
  const ca = values['ca.crt'] ?? values.caFile;
  const cert = values['tls.crt'] ?? values.certFile;
  const key = values['tls.key'] ?? values.keyFile;
  const where = `Secret ${provider.spec.certSecretRef?.name} of spec.certSecretRef`;
  if ((cert === undefined) !== (key === undefined))
    throw invalid(provider, `${where} has only one of tls.crt and tls.key; a client certificate needs both`);
  if (ca === undefined && cert === undefined)
    throw invalid(provider, `${where} has neither ca.crt nor tls.crt with tls.key`);
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}

async function readSecret(cluster: Cluster, provider: Provider, name: string): Promise<Record<string, string>> {
  const namespace = provider.metadata.namespace ?? '';
  const secret = await cluster.get<KubeObject>({ apiVersion: 'v1', kind: 'Secret' }, namespace, name);
  if (!secret) throw invalid(provider, `failed to get secret '${namespace}/${name}': secrets "${name}" not found`);
  const { data } = Secret.parse(secret);
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

function invalid(provider: Provider, message: string): PostFailed {
  return new PostFailed(`Provider ${provider.metadata.namespace}/${provider.metadata.name}: ${message}`, {
    retry: false,
  });
}
