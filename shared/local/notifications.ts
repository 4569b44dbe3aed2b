import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { writeFileAtomically } from './write-file.ts';

/** A notification that reached the sink, as the page shows it. */
export const Notification = z.object({
  id: z.number(),
  /** RFC 3339. */
  at: z.string(),
  /** The form it came in: slack, msteams, discord, … */
  form: z.string(),
  /** The object it is about, or the name of the sender. */
  who: z.string(),
  severity: z.enum(['info', 'error']),
  message: z.string(),
  revision: z.string(),
  fields: z.array(z.object({ name: z.string(), value: z.string() })),
});
export type Notification = z.infer<typeof Notification>;

/** How many are kept. */
const kept = 200;

/** The received notifications: the newest few, in a file, and told to whoever is reading the page. */
export class Notifications {
  readonly #file: string;
  #all: Notification[];
  readonly #readers = new Set<Reader>();

  /** `file` holds one JSON document a line; what it has from earlier is there again. */
  constructor(file: string) {
    this.#file = file;
    this.#all = existsSync(file) ? readFileSync(file, 'utf8').split('\n').flatMap(parse).slice(-kept) : [];
  }

  /** Newest first. */
  get all(): Notification[] {
    return this.#all.toReversed();
  }

  async add(received: Omit<Notification, 'id'>): Promise<Notification> {
    const notification = { ...received, id: (this.#all.at(-1)?.id ?? 0) + 1 };
    this.#all.push(notification);
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    appendFileSync(this.#file, `${JSON.stringify(notification)}\n`, { mode: 0o600 });
    if (this.#all.length > 2 * kept) {
      this.#all = this.#all.slice(-kept);
      await writeFileAtomically(this.#file, this.#all.map(one => `${JSON.stringify(one)}\n`).join(''));
    }
    for (const { next } of this.#readers) next(notification);
    return notification;
  }

  /** Calls `next` for each new one until the returned function is called; `close` when the host stops. */
  follow(reader: Reader): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  closeReaders(): void {
    for (const { close } of this.#readers) close();
    this.#readers.clear();
  }
}

export interface Reader {
  next(notification: Notification): void;
  close(): void;
}

function parse(line: string): Notification[] {
  try {
    return [Notification.parse(JSON.parse(line))];
  } catch {
    // A line cut by a crash.
    return [];
  }
}
