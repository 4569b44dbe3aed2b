/** What an installation keeps on the servers, to be searched for what must not be there. */

import { gunzipSync } from 'node:zlib';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, NoSuchKey, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { type AwsServers, credentials, region } from './servers.ts';

/** Where something is kept, and all of it as text (latin1, so that every byte counts), unpacked. */
export type Stored = [where: string, text: string];

/** Every object of the bucket; what goes while they are read is none. */
export async function storedObjects(servers: AwsServers, bucket: string): Promise<Stored[]> {
  const client = new S3Client({ endpoint: servers.s3, region, credentials, forcePathStyle: true });
  try {
    const found: Stored[] = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket }))
      for (const { Key: key } of page.Contents ?? []) {
        const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key })).catch((error: unknown) => {
          if (error instanceof NoSuchKey) return undefined;
          throw error;
        });
        if (!object) continue;
        const bytes = Buffer.from(await object.Body!.transformToByteArray());
        found.push([`s3/${key}`, (isGzip(bytes) ? gunzipSync(bytes) : bytes).toString('latin1')]);
      }
    return found;
  } finally {
    client.destroy();
  }
}

/** Every item of the table, as JSON. */
export async function storedItems(servers: AwsServers, table: string): Promise<Stored[]> {
  const client = new DynamoDBClient({ endpoint: servers.dynamodb, region, credentials });
  try {
    const found: Stored[] = [];
    for await (const page of paginateScan({ client }, { TableName: table }))
      for (const item of page.Items ?? []) {
        const text = Object.values(item)
          .map(value => (value.B ? inflated(Buffer.from(value.B)) : JSON.stringify(value)))
          .join(' ');
        found.push([`dynamodb/${item.pk?.S}/${item.sk?.S}`, text]);
      }
    return found;
  } finally {
    client.destroy();
  }
}

function inflated(bytes: Buffer): string {
  return (isGzip(bytes) ? gunzipSync(bytes) : bytes).toString('latin1');
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
