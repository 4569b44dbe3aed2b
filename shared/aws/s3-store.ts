import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ObjectInfo, PutOptions, Store, StoredObject } from '../ports/store.ts';
import { AwsError } from './aws-error.ts';
import { type Body, openBody, wholeBody } from './s3-body.ts';
import { nameOf, s3Error, statusOf, triedAgain } from './s3-errors.ts';
import { s3Key } from './s3-keys.ts';
import { listObjects } from './s3-list.ts';
import { partBytes, type Target, upload } from './s3-upload.ts';
import { sdkSettings } from './sdk-settings.ts';

export interface S3Options {
  bucket: string;
  /** Address the bucket by path and not by host name, as some S3-compatible servers want it. */
  pathStyle?: boolean;
  /** Otherwise as the SDK finds it: AWS_REGION and others. */
  region?: string;
  endpoint?: string;
  /** How long nothing may come of the body of an answer, because it does not come or because it is not read. Default: 30,000. */
  stallMs?: number;
}

/** Keys that DeleteObjects takes at a time. */
const deletedAtATime = 1000;
/** Tries of a create that meets another writer of the same object (409), and of keys that S3 could not delete just now. */
const tries = 7;
/** Metadata of an object that was created under a condition: who did. */
const writerKey = 'sluice-writer';

/** The artifact store in an S3 bucket. It may have other objects, as long as they have other keys. */
export class S3Store implements Store {
  readonly #bucket: string;
  readonly #client: S3Client;

  constructor(options: S3Options) {
    this.#bucket = options.bucket;
    this.#client = new S3Client({
      ...(options.region && { region: options.region }),
      ...(options.endpoint && { endpoint: options.endpoint }),
      forcePathStyle: options.pathStyle ?? false,
      // 503 (SlowDown) and network errors; the SDK waits longer and longer in between.
      maxAttempts: 5,
      // The SDK would let go of the connection after each request that asks first whether it may send its body.
      expectContinueHeader: false,
      // The SDK's check of what is got would stand between a stream and its connection. Artifacts are verified by their digest.
      responseChecksumValidation: 'WHEN_REQUIRED',
      // The time-out of a request runs until the answer begins; its body may take longer, but not stall.
      requestHandler: { ...sdkSettings.requestHandler, socketTimeout: options.stallMs ?? 30_000 },
    });
  }

  async put(key: string, body: Uint8Array | { file: string }, options: PutOptions = {}): Promise<'created' | 'exists'> {
    const doing = `write ${this.#name(key)}`;
    const { ifAbsent = false, contentType: ContentType } = options;
    const target: Target = { Bucket: this.#bucket, Key: s3Key(key), ...(ContentType && { ContentType }) };
    const opened = await openBody(body);
    try {
      if (!ifAbsent) {
        await upload(this.#client, target, opened);
        return 'created';
      }
      // Asked before much is sent for nothing.
      if (opened.size > partBytes && (await this.head(key))) return 'exists';
      return await this.#create(target, opened);
    } catch (error) {
      // What the file system says is clear enough.
      throw isFileError(error) ? error : s3Error(error, doing);
    } finally {
      await opened.close();
    }
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const doing = `read ${this.#name(key)}`;
    const asked = new GetObjectCommand({ Bucket: this.#bucket, Key: s3Key(key) });
    const answer = await this.#client.send(asked).catch(error => {
      if (nameOf(error) === 'NoSuchKey') return undefined;
      throw s3Error(error, doing);
    });
    if (!answer) return undefined;
    const { ContentLength: size, LastModified } = answer;
    const source = answer.Body as Readable;
    if (size === undefined || !LastModified) {
      source.destroy();
      throw notS3(doing);
    }
    return { key, size, lastModified: LastModified.getTime(), body: wholeBody(source, size, doing) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const doing = `look at ${this.#name(key)}`;
    const answer = await this.#head(s3Key(key)).catch(error => {
      throw s3Error(error, doing);
    });
    if (!answer) return undefined;
    const { ContentLength: size, LastModified } = answer;
    if (size === undefined || !LastModified) throw notS3(doing);
    return { key, size, lastModified: LastModified.getTime() };
  }

  list(prefix: string): AsyncIterable<ObjectInfo> {
    return listObjects(this.#client, this.#bucket, prefix);
  }

  async delete(keys: string[]): Promise<void> {
    const left = [...new Set(keys.map(s3Key))];
    while (left.length > 0) await this.#deleteSome(left.splice(0, deletedAtATime));
  }

  /** Of several that race, the server lets one win. */
  async #create(target: Target, body: Body): Promise<'created' | 'exists'> {
    const writer = randomUUID();
    const conditional: Target = { ...target, IfNoneMatch: '*', Metadata: { [writerKey]: writer } };
    for (let tried = 1; ; tried++)
      try {
        await upload(this.#client, conditional, body);
        return 'created';
      } catch (error) {
        // A try whose answer was lost has done it, perhaps: then the next one finds our own object, or its upload gone.
        const unsure = tried > 1 || triedAgain(error);
        if (statusOf(error) === 412 && !unsure) return 'exists';
        if (statusOf(error) === 412 || (unsure && nameOf(error) === 'NoSuchUpload')) {
          const found = await this.#head(target.Key);
          if (found) return found.Metadata?.[writerKey] === writer ? 'created' : 'exists';
        } else if (statusOf(error) !== 409) throw error;
        // Someone else is just writing, or deleting, it.
        if (tried === tries) throw error;
        await delay(jittered(tried));
      }
  }

  async #head(key: string): Promise<HeadObjectCommandOutput | undefined> {
    try {
      return await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** At most as many as one request takes. Keys that S3 reports as failed are tried again. */
  async #deleteSome(keys: string[]): Promise<void> {
    const doing = `delete ${keys.length} objects of the bucket ${this.#bucket}`;
    let left = keys;
    for (let tried = 1; left.length > 0; tried++) {
      const Delete = { Objects: left.map(Key => ({ Key })), Quiet: true };
      const { Errors = [] } = await this.#client
        .send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete }))
        .catch(error => {
          throw s3Error(error, doing);
        });
      const lasting = Errors.find(({ Code }) => !passing.has(Code ?? ''));
      const first = lasting ?? Errors[0];
      if (first && (lasting || tried === tries)) {
        const cause = Object.assign(new Error(first.Message), { name: first.Code ?? 'Error' });
        throw s3Error(
          cause,
          `delete ${this.#name(first.Key ?? '')} (and ${Errors.length - 1} others of ${keys.length})`,
        );
      }
      left = Errors.map(({ Key }) => Key!);
      if (left.length > 0) await delay(jittered(tried));
    }
  }

  #name(key: string): string {
    return `the object ${key} of the bucket ${this.#bucket}`;
  }
}

/** Codes of keys that DeleteObjects could not delete just now. */
const passing = new Set(['InternalError', 'SlowDown', 'ServiceUnavailable', 'OperationAborted', 'RequestTimeout']);

/** Milliseconds to wait after so many tries. */
function jittered(tried: number): number {
  return Math.random() * 50 * 2 ** tried;
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

function notS3(doing: string): AwsError {
  return new AwsError(
    'Unexpected',
    `AWS did not ${doing}: the answer has no length or no date, so it is not S3 that answered`,
  );
}
