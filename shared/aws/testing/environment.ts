import type { Keys } from './token-check.ts';

type Environment = Record<string, string | undefined>;

/** Makes an environment in which the SDK knows these keys and asks these servers alone; gives back how to undo it. */
export function awsEnvironment(env: Environment, url: string, keys?: Keys, more: Environment = {}): () => void {
  const before = { ...env };
  for (const name of Object.keys(env)) if (name.startsWith('AWS_')) delete env[name];
  Object.assign(env, {
    AWS_ENDPOINT_URL_STS: url,
    AWS_ENDPOINT_URL_EKS: url,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    ...(keys && { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey }),
    ...(keys?.sessionToken && { AWS_SESSION_TOKEN: keys.sessionToken }),
    ...more,
  });
  for (const [name, value] of Object.entries(more)) if (value === undefined) delete env[name];
  return () => {
    for (const name of Object.keys(env)) if (name.startsWith('AWS_')) delete env[name];
    for (const [name, value] of Object.entries(before)) if (name.startsWith('AWS_')) env[name] = value;
  };
}
