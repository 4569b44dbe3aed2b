import * as z from 'zod';
import { OciError } from './errors.ts';
import type { RegistryCredentials } from './registry-types.ts';

const Login = z.object({
  username: z.string().nullish(),
  password: z.string().nullish(),
  auth: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});
const Auths = z.record(z.string(), Login);

/** A file `config.json` of Docker: what is asked of it here. */
const DockerConfig = z.looseObject({
  auths: Auths.nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

/** A Secret of image pulls, whose values are texts. */
export interface PullSecret {
  /** `<namespace>/<name>`, for messages. */
  where: string;
  type: string;
  text(key: string): string | undefined;
}

interface Entry {
  /** Host, with port and the beginning of a path; parts of the host may be patterns. */
  key: string;
  login: z.infer<typeof Login>;
  where: string;
}

/**
 * The credentials for a repository among those of image pull Secrets, as Kubernetes and go-containerregistry find them: the
 * longest key that fits wins (its host may hold `*`, its path is a prefix), of equal keys the first. Undefined when none fits;
 * Secrets of other types are passed over. Throws OciError InvalidCredentials for what cannot be understood, naming the Secret and never what it holds.
 */
export function credentialsFor(
  target: { host: string; repository: string },
  secrets: readonly PullSecret[],
): RegistryCredentials | undefined {
  const entries = secrets.flatMap(entriesOf);
  entries.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1));
  const found = entries.find(({ key }) => fits(key, target));
  return found && credentialsOf(found);
}

function entriesOf(secret: PullSecret): Entry[] {
  const { where } = secret;
  const key = keys[secret.type];
  const text = key && secret.text(key);
  if (!key || text === undefined) return [];
  const config =
    key === '.dockercfg' ? { auths: parse(Auths, text, where, key) } : parse(DockerConfig, text, where, key);
  const helped = 'credsStore' in config && (config.credsStore || Object.keys(config.credHelpers ?? {}).length > 0);
  const entries = Object.entries(config.auths ?? {});
  if (helped && entries.every(([, login]) => !credentialsOf({ key: '', login, where })))
    throw unusable(
      where,
      `key '${key}' names a credential helper ('credsStore', 'credHelpers'), which is a program of another machine; put the username and password in`,
    );
  return entries.map(([name, login]) => ({ key: keyOf(name), login, where }));
}

const keys: Record<string, '.dockerconfigjson' | '.dockercfg' | undefined> = {
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
  'kubernetes.io/dockercfg': '.dockercfg',
};

function parse<T extends z.ZodType>(schema: T, text: string, where: string, key: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unusable(where, `key '${key}' is not JSON`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  // The path of the issue is of names; its message may quote a value.
  const path = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
  throw unusable(where, `key '${key}' does not hold a Docker config.json${path ? `; see ${path}` : ''}`);
}

/** `https://host/v1/` and the like are the host; Docker Hub has several names. */
function keyOf(name: string): string {
  const bare = name
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/^([^/]+)\/v[12]\//, '$1/')
    .replace(/\/$/, '')
    .replace(/^([^/]+)\/v[12]$/, '$1');
  return bare.replace(/^(?:docker\.io|registry-1\.docker\.io)(?=\/|$)/, 'index.docker.io');
}

function fits(key: string, { host, repository }: { host: string; repository: string }): boolean {
  const slash = key.indexOf('/');
  const [pattern, path] = slash < 0 ? [key, ''] : [key.slice(0, slash), key.slice(slash)];
  if (!`/${repository}`.startsWith(path)) return false;
  const [wanted, wantedPort = ''] = splitPort(pattern.toLowerCase());
  const [actual, port = ''] = splitPort(host);
  const parts = wanted!.split('.');
  const names = actual!.split('.');
  return wantedPort === port && parts.length === names.length && parts.every((part, at) => matches(part, names[at]!));
}

function splitPort(host: string): string[] {
  const match = /^(.*?)(?::(\d+))?$/.exec(host);
  return [match?.[1] ?? host, match?.[2] ?? ''];
}

/** A part of a host name against one of a key: `*` stands for any characters, `?` for one. */
function matches(pattern: string, name: string): boolean {
  let [at, token, star, retry] = [0, 0, -1, 0];
  while (at < name.length) {
    if (pattern[token] === '*') {
      star = token++;
      retry = at;
    } else if (token < pattern.length && (pattern[token] === '?' || pattern[token] === name[at])) {
      token++;
      at++;
    } else if (star >= 0) {
      // What a star took was too little; no earlier star has to be asked again.
      token = star + 1;
      at = ++retry;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(token));
}

function credentialsOf({ login, where }: Entry): RegistryCredentials | undefined {
  const { auth, identitytoken, registrytoken } = login;
  if (registrytoken) return { bearerToken: registrytoken };
  if (identitytoken) return { identityToken: identitytoken };
  let { username, password } = login;
  if (auth) {
    const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = decoded.indexOf(':');
    if (colon < 0) throw unusable(where, "an 'auth' is not the base64 of username:password");
    username = decoded.slice(0, colon);
    password = decoded.slice(colon + 1);
  }
  // As Docker keeps identity tokens that were stored by hand.
  if (username === '<token>' && password) return { identityToken: password };
  return username || password ? { username: username ?? '', password: password ?? '' } : undefined;
}

function unusable(where: string, what: string): OciError {
  return new OciError('InvalidCredentials', `secret '${where}': ${what}`);
}
