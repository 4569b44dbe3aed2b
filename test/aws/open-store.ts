import { randomUUID } from 'node:crypto';
import { S3Store } from '../../shared/aws/s3-store.ts';
import type { Implementation, Store } from '../contract/ports.ts';
import { createBucket } from './installation.ts';
import { type AwsServers, region } from './servers.ts';

/** For ports-process.ts: `argument` is the bucket and the server's URL; credentials are in the environment. */
export async function open(argument: string): Promise<Store> {
  const { bucket, endpoint } = JSON.parse(argument) as { bucket: string; endpoint: string };
  return new S3Store({ bucket, endpoint, region, pathStyle: true });
}

/** The store in a bucket of its own on one of the servers. Credentials must be in the environment. */
export function onS3(servers: () => AwsServers, server: 's3' | 'moto'): Implementation<Store> {
  return {
    name: server === 's3' ? 'S3 (versitygw)' : 'S3 (moto)',
    async open() {
      const endpoint = servers()[server];
      const bucket = `store-${randomUUID()}`;
      await createBucket({ ...servers(), s3: endpoint }, bucket);
      const argument = JSON.stringify({ bucket, endpoint });
      return {
        port: await open(argument),
        again: () => open(argument),
        process: { module: import.meta.url, argument },
        close: async () => {},
      };
    },
    // Versitygw keeps the objects as files.
    ...(server === 's3' && { noneBelowAnother: true }),
  };
}
