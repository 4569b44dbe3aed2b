import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3';
import type { ObjectInfo } from '../ports/store.ts';
import { s3Error } from './s3-errors.ts';
import { isPlain, keyOfS3, s3Prefixes } from './s3-keys.ts';

/** Objects by the order of the keys' bytes. Those of unusual keys stand elsewhere in the bucket, and are merged in. */
export async function* listObjects(client: S3Client, bucket: string, prefix: string): AsyncIterable<ObjectInfo> {
  const { plain, odd } = s3Prefixes(prefix);
  const lists = [
    listPages(client, bucket, odd, false),
    ...(plain === undefined ? [] : [listPages(client, bucket, plain, true)]),
  ];
  try {
    const heads = await Promise.all(lists.map(list => list.next()));
    for (;;) {
      const least = leastOf(heads);
      if (least === undefined) return;
      yield heads[least]!.value as ObjectInfo;
      heads[least] = await lists[least]!.next();
    }
  } finally {
    for (const list of lists) await list.return(undefined);
  }
}

function leastOf(heads: IteratorResult<ObjectInfo, void>[]): number | undefined {
  let least: { at: number; bytes: Buffer } | undefined;
  heads.forEach((head, at) => {
    if (head.done) return;
    const bytes = Buffer.from(head.value.key);
    if (!least || Buffer.compare(bytes, least.bytes) < 0) least = { at, bytes };
  });
  return least?.at;
}

async function* listPages(
  client: S3Client,
  bucket: string,
  prefix: string,
  wantPlain: boolean,
): AsyncGenerator<ObjectInfo, void, undefined> {
  let from: string | undefined;
  do {
    // Keys can have characters that XML has not.
    const asked = { Bucket: bucket, Prefix: prefix, EncodingType: 'url' as const, ContinuationToken: from };
    const page: ListObjectsV2CommandOutput = await client.send(new ListObjectsV2Command(asked)).catch(error => {
      throw s3Error(error, `list the objects ${prefix}* of the bucket ${bucket}`);
    });
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const s3Key = page.EncodingType === 'url' ? decodeURIComponent(Key.replaceAll('+', '%20')) : Key;
      const key = keyOfS3(s3Key);
      // Others' objects, such as the "folders" of the console, are none of ours.
      if (key === undefined || isPlain(s3Key) !== wantPlain) continue;
      yield { key, size: Size, lastModified: LastModified?.getTime() ?? 0 };
    }
    from = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (from !== undefined);
}
