import type { Readable } from 'node:stream';

/** The artifact store. Promises nothing that S3 does not keep: whole objects, conditional writes, listing in key order. */
export interface Store {
  /**
   * Writes a whole object. `body` is bytes, or the path of a local file (streamed, so that a large artifact is never held
   * in memory). With `ifAbsent` an existing object is left alone and 'exists' is answered; racing creates have one winner.
   */
  put(key: string, body: Uint8Array | { file: string }, options?: PutOptions): Promise<'created' | 'exists'>;
  /** The object as a stream; undefined when there is none. */
  get(key: string): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Objects under a prefix, in key order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Deletes; an absent key is no error. */
  delete(keys: string[]): Promise<void>;
}

export interface PutOptions {
  ifAbsent?: boolean;
  contentType?: string;
}

export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  /** Milliseconds since the epoch. */
  lastModified: number;
}

export interface StoredObject extends ObjectInfo {
  body: Readable;
}
