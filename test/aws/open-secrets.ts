import { randomUUID } from 'node:crypto';
import { SecretsManager } from '../../shared/aws/secrets-manager.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import type { Implementation, Secrets } from '../contract/ports.ts';
import { type AwsServers, region } from './servers.ts';

/** For ports-process.ts: `argument` is the prefix and the server's URL; credentials are in the environment. */
export async function open(argument: string): Promise<Secrets> {
  const { prefix, endpoint } = JSON.parse(argument) as { prefix: string; endpoint: string };
  return new SecretsManager({ prefix, endpoint, region, clock: systemClock });
}

/** Secrets under a prefix of their own. Credentials must be in the environment. */
export function onSecretsManager(servers: () => AwsServers): Implementation<Secrets> {
  return {
    name: 'Secrets Manager (moto)',
    async open() {
      const argument = JSON.stringify({ prefix: `sluice/${randomUUID()}/`, endpoint: servers().secrets });
      return {
        port: await open(argument),
        again: () => open(argument),
        process: { module: import.meta.url, argument },
        close: async () => {},
      };
    },
  };
}
