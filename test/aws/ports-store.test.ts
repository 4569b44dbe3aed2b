import { after, before } from 'node:test';
import { storeContract } from '../contract/ports-store.ts';
import { onS3 } from './open-store.ts';
import { type AwsServers, startAwsServers } from './servers.ts';

let servers: AwsServers;
before(async () => {
  servers = await startAwsServers();
  Object.assign(process.env, servers.env);
});
after(() => servers.close());

// Versitygw checks signatures and checksums; moto has all of S3's keys.
storeContract(onS3(() => servers, 's3'));
storeContract(onS3(() => servers, 'moto'));
