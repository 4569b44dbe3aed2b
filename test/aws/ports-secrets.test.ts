import { after, before } from 'node:test';
import { secretsContract } from '../contract/ports-secrets.ts';
import { onSecretsManager } from './open-secrets.ts';
import { type AwsServers, startAwsServers } from './servers.ts';

let servers: AwsServers;
before(async () => {
  servers = await startAwsServers();
  Object.assign(process.env, servers.env);
});
after(() => servers.close());

secretsContract(onSecretsManager(() => servers));
