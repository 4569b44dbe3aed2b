import * as z from 'zod';
import type { Store } from '../../ports/store.ts';
import { ReconcileError } from '../../reconcile/errors.ts';

/** Why a fetch failed, in the words of the object's condition (`Failure` in source.ts without its error). */
const ToldFailure = z.object({
  reason: z.string(),
  message: z.string(),
  stalled: z.boolean(),
  afterMs: z.number().exactOptional(),
});
export type ToldFailure = z.infer<typeof ToldFailure>;

/** What somebody found out, or that it could not be found out: kept for others with the same question. */
export const NewsRecord = z.object({
  /** Epoch ms at which the asking began. */
  began: z.number(),
  /** How long was waited for the server. */
  timeoutMs: z.number().exactOptional(),
  answer: z.unknown().exactOptional(),
  failure: ToldFailure.exactOptional(),
});
export type NewsRecord = z.infer<typeof NewsRecord>;

/** Larger, and it is not one of these. */
const mostBytes = 2 ** 20;

/** Where such a record is kept. */
export class RecordPlace {
  readonly #store: Store;
  readonly #key: string;

  constructor(store: Store, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /** Undefined when there is none, or none that can be read. */
  async read(): Promise<NewsRecord | undefined> {
    const found = await this.#store.get(this.#key);
    if (!found) return undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of found.body) {
      size += (chunk as Buffer).length;
      if (size > mostBytes) return undefined;
      chunks.push(chunk as Buffer);
    }
    try {
      return NewsRecord.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8'))).data;
    } catch {
      return undefined;
    }
  }

  async write(record: NewsRecord): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(record));
    if (bytes.length <= mostBytes) await this.#store.put(this.#key, bytes, { contentType: 'application/json' });
  }
}

/** What another object's attempt failed by, with the same question: this one's would just now fail the same. */
export class SharedFailure extends ReconcileError {
  readonly failure: ToldFailure;
  constructor(failure: ToldFailure) {
    super(failure.reason, failure.message);
    this.name = 'SharedFailure';
    this.failure = failure;
  }
}
