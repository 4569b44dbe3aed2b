import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Body } from './s3-body.ts';

/** Of parts, and of the largest object that is sent in one request. S3 takes parts from 5 MiB on, and 10,000 of them. */
export const partBytes = 8 * 1024 * 1024;
/** Parts on their way at a time; each is held in memory. */
const parallelParts = 3;
/** A part must be sent and answered in this time: 140 kB/s. */
const partTimeoutMs = 60_000;

/** The object to write, and under which condition. */
export interface Target {
  Bucket: string;
  Key: string;
  ContentType?: string;
  Metadata?: Record<string, string>;
  /** `*`: only if there is none. */
  IfNoneMatch?: '*';
}

/**
 * Writes the object, in one request or in parts. The SDK sends a checksum (CRC32) of each piece, which S3 compares with what
 * came. Throws what the SDK throws.
 */
export async function upload(client: S3Client, target: Target, body: Body): Promise<void> {
  if (body.size > partBytes) return uploadInParts(client, target, body);
  const Body = await body.read(0, body.size);
  await client.send(new PutObjectCommand({ ...target, Body }), { requestTimeout: partTimeoutMs });
}

async function uploadInParts(client: S3Client, target: Target, body: Body): Promise<void> {
  const { IfNoneMatch, ContentType, Metadata, ...at } = target;
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...at,
      ...(ContentType && { ContentType }),
      ...(Metadata && { Metadata }),
      ChecksumAlgorithm: 'CRC32',
    }),
  );
  const multipart = { ...at, UploadId };
  try {
    const Parts = await uploadParts(client, multipart, body);
    const completed = { ...multipart, MultipartUpload: { Parts }, MpuObjectSize: body.size };
    await client.send(new CompleteMultipartUploadCommand({ ...completed, ...(IfNoneMatch && { IfNoneMatch }) }), {
      requestTimeout: partTimeoutMs,
    });
  } catch (error) {
    // Its parts cost money until it is ended; what cannot be ended now, the bucket's lifecycle rule ends later.
    await client.send(new AbortMultipartUploadCommand(multipart)).catch(() => undefined);
    throw error;
  }
}

/** A few at a time, from the first to the last. When one fails the others are given up, and none is under way afterwards. */
async function uploadParts(
  client: S3Client,
  multipart: { Bucket: string; Key: string; UploadId: string | undefined },
  body: Body,
): Promise<CompletedPart[]> {
  const parts: CompletedPart[] = [];
  const failed = new AbortController();
  const count = Math.ceil(body.size / partBytes);
  let next = 0;
  const work = async () => {
    while (next < count && !failed.signal.aborted) {
      const number = next++;
      const start = number * partBytes;
      const Body = await body.read(start, Math.min(start + partBytes, body.size));
      const part = { ...multipart, PartNumber: number + 1, Body, ChecksumAlgorithm: 'CRC32' as const };
      const options = { abortSignal: failed.signal, requestTimeout: partTimeoutMs };
      const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand(part), options);
      parts[number] = { PartNumber: number + 1, ETag, ...(ChecksumCRC32 && { ChecksumCRC32 }) };
    }
  };
  let first: unknown;
  const stop = (error: unknown) => {
    if (!failed.signal.aborted) first = error;
    failed.abort();
  };
  await Promise.all(Array.from({ length: parallelParts }, () => work().catch(stop)));
  if (failed.signal.aborted) throw first;
  return parts;
}
