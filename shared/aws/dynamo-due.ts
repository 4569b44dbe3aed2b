import { keyString, type ObjectKey } from '../api/object.ts';
import { at, type DynamoCalls, type Item, numberOf } from './dynamo-calls.ts';
import { dueAttributes } from './dynamo-record.ts';
import { dueIndex, dueShards, type ItemKey, keyOfObject, objectAt } from './dynamo-table.ts';

interface Due {
  key: ObjectKey;
  text: string;
  at: ItemKey;
  dueAt: number;
}

/** How long a due time that was moved from here is kept in mind; the secondary index follows within a second or so. */
const followsMs = 60_000;
const maxMoved = 20_000;

/**
 * Due times. They are read from a secondary index, which DynamoDB keeps up to date with a delay: what has just become due
 * may be missing (a minute later it is there), and what was just moved may still be listed. The sweep moves what it has
 * found and asks again at once, so what was moved from here is looked at before it is listed.
 */
export class DynamoDue {
  readonly #calls: DynamoCalls;
  /** By key: what the due time was moved to, and when by this process's own clock. */
  readonly #moved = new Map<string, { dueAt: number; since: number }>();

  constructor(calls: DynamoCalls) {
    this.#calls = calls;
  }

  async due(before: number, limit: number): Promise<ObjectKey[]> {
    const shards = Array.from({ length: dueShards }, (_, shard) => new ShardReader(this.#calls, shard, before, limit));
    const found: Due[] = [];
    while (found.length < limit) {
      const next = await merged(shards, limit - found.length);
      if (next.length === 0) break;
      found.push(...(await this.#stillDue(next, before)));
    }
    return found.map(({ key }) => key);
  }

  async move(key: ObjectKey, dueAt: number): Promise<void> {
    const due = dueAttributes(key, dueAt);
    await this.#calls.update(objectAt(key), {
      update: due ? 'SET #dueAt = :dueAt, #dueShard = :dueShard' : 'REMOVE #dueAt, #dueShard',
      condition: 'attribute_exists(#record)',
      ...(due && { values: { ':dueAt': due.dueAt, ':dueShard': due.dueShard } }),
    });
    this.#remember(keyString(key), dueAt);
  }

  #remember(key: string, dueAt: number): void {
    const now = performance.now();
    // Set anew, so that the oldest stand first.
    this.#moved.delete(key);
    this.#moved.set(key, { dueAt, since: now });
    for (const [oldest, { since }] of this.#moved) {
      if (this.#moved.size <= maxMoved && now - since < followsMs) break;
      this.#moved.delete(oldest);
    }
  }

  /** Without those that are listed as they were before they were moved from here. */
  async #stillDue(listed: Due[], before: number): Promise<Due[]> {
    const doubtful = listed.filter(({ text, dueAt }) => (this.#moved.get(text)?.dueAt ?? dueAt) !== dueAt);
    if (doubtful.length === 0) return listed;
    const items = await this.#calls.getAll(
      doubtful.map(due => due.at),
      '#pk, #sk, #dueAt',
    );
    const now = new Map(items.map(item => [keyString(keyOfObject(at(item))), numberOf(item, 'dueAt')]));
    const over = doubtful.filter(({ text }) => !((now.get(text) ?? Number.POSITIVE_INFINITY) < before));
    const left = new Set(over);
    return listed.filter(due => !left.has(due));
  }
}

/** One shard of the due times, oldest first, read page by page as far as it is needed. */
class ShardReader {
  readonly #calls: DynamoCalls;
  readonly #shard: number;
  readonly #before: number;
  readonly #pageSize: number;
  #waiting: Due[] = [];
  #next: Item | undefined;
  #read = false;

  constructor(calls: DynamoCalls, shard: number, before: number, limit: number) {
    this.#calls = calls;
    this.#shard = shard;
    this.#before = before;
    // Twice its share, since shards are not equally full; what is read in vain costs as much as what is needed.
    this.#pageSize = Math.max(10, Math.min(1000, Math.ceil((2 * limit) / dueShards)));
  }

  get head(): Due | undefined {
    return this.#waiting.at(-1);
  }

  /** Nothing at hand, though there may be more. */
  get dry(): boolean {
    return this.#waiting.length === 0 && !(this.#read && !this.#next);
  }

  take(): Due {
    return this.#waiting.pop()!;
  }

  async fill(): Promise<void> {
    while (this.dry) {
      const { items, next } = await this.#calls.page(
        {
          IndexName: dueIndex,
          KeyConditionExpression: '#dueShard = :shard AND #dueAt < :before',
          ExpressionAttributeValues: { ':shard': { N: String(this.#shard) }, ':before': { N: String(this.#before) } },
          Limit: this.#pageSize,
        },
        this.#next,
      );
      this.#read = true;
      this.#next = next;
      this.#waiting = items.map(dueOf).reverse();
    }
  }
}

function dueOf(item: Item): Due {
  const key = keyOfObject(at(item));
  return { key, text: keyString(key), at: at(item), dueAt: numberOf(item, 'dueAt') ?? 0 };
}

/** The next so many of all shards, oldest first. */
async function merged(shards: ShardReader[], count: number): Promise<Due[]> {
  const found: Due[] = [];
  while (found.length < count) {
    await Promise.all(shards.map(shard => shard.fill()));
    let first: ShardReader | undefined;
    for (const shard of shards) if (shard.head && (!first?.head || precedes(shard.head, first.head))) first = shard;
    if (!first) break;
    found.push(first.take());
  }
  return found;
}

function precedes(a: Due, b: Due): boolean {
  return a.dueAt === b.dueAt ? a.text < b.text : a.dueAt < b.dueAt;
}
