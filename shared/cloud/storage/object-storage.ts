import type { Readable } from 'node:stream';

/** An object as the listing of its bucket tells of it. */
export interface ListedObject {
  key: string;
  /** What changes with the contents; in the form that revisions are computed of. */
  etag: string;
  /** Bytes. */
  size: number;
  /** Names this very contents, where the storage has names for that (Google's generation). */
  version?: string | undefined;
}

/** An object that is being read. */
export interface OpenedObject {
  /** Of what is read, which may be newer than what was listed; undefined: it is what was listed. */
  etag: string | undefined;
  /** Bytes that the body has to have; undefined when the storage does not say. */
  size: number | undefined;
  /** Has to be read to its end, or destroyed. */
  body: Readable;
}

/** One bucket of an object storage. Failures are StorageErrors, or what the HttpClient's signal was aborted with. */
export interface ObjectStorage {
  /** Whether the bucket is there. */
  exists(): Promise<boolean>;
  /** Its objects whose keys begin with `prefix`, page by page. */
  list(prefix: string): AsyncIterable<ListedObject>;
  /** Undefined when the object is not there, or is no more. */
  read(object: Pick<ListedObject, 'key' | 'version'>): Promise<OpenedObject | undefined>;
}

/** What goes wrong with a bucket. */
export type StorageErrorCode =
  /** The address, the name of the bucket or of an object cannot be used. */
  | 'InvalidAddress'
  /** Credentials that cannot be used as they are. */
  | 'InvalidCredentials'
  /** The storage refuses the credentials, or what they ask for. */
  | 'AccessDenied'
  /** The storage does not do what it is asked for, and says why. */
  | 'RequestFailed'
  /** The storage is not there, overloaded or broken, or its answers are cut off. */
  | 'Unavailable'
  /** What it answers cannot be understood. */
  | 'InvalidAnswer'
  /** It took longer than is waited. */
  | 'Timeout'
  /** More, or larger, objects than are taken. */
  | 'TooLarge';

/** The one error of this room. Its message never holds a credential or a query. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  /** Milliseconds until the retry, when the storage said so. */
  readonly afterMs: number | undefined;
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions & { afterMs?: number | undefined }) {
    super(message, options);
    this.name = 'StorageError';
    this.code = code;
    this.afterMs = options?.afterMs;
  }
}
