/** How to reach and sign in to an API server. */
export interface ClusterAccess {
  /** Base URL. */
  server: string;
  /** Certificate authority, PEM; the machine's own when absent. */
  ca?: string;
  token?: string;
  /** A token that runs out. `fresh`: the last one was refused. */
  tokenSource?: (fresh: boolean) => Promise<string>;
  /** Client certificate and key, PEM. */
  cert?: string;
  key?: string;
  username?: string;
  password?: string;
  /** Anything that must be asked for (exec plugins); goes before the fields above. */
  credentials?: CredentialSource;
  /** Accept any server certificate. */
  insecure?: boolean;
  tlsServerName?: string;
}

/** What a request carries to say who sends it. */
export interface Credentials {
  /** The header's value. */
  authorization?: string;
  cert?: string;
  key?: string;
}

/** Called for every request: it must remember. With `fresh` what it remembers was refused by the server. */
export type CredentialSource = (fresh: boolean) => Promise<Credentials>;

export function credentialSource(access: ClusterAccess): CredentialSource {
  if (access.credentials) return access.credentials;
  const { tokenSource } = access;
  const cert = access.cert && access.key ? { cert: access.cert, key: access.key } : {};
  if (tokenSource) return async fresh => ({ ...cert, authorization: `Bearer ${await tokenSource(fresh)}` });
  const fixed: Credentials = { ...cert };
  if (access.token) fixed.authorization = `Bearer ${access.token}`;
  else if (access.username !== undefined)
    fixed.authorization = `Basic ${Buffer.from(`${access.username}:${access.password ?? ''}`).toString('base64')}`;
  return async () => fixed;
}
