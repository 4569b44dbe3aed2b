import { setTimeout as pause } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  type ScanCommandInput,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { Limiter } from '../kube/limiter.ts';
import { maxSockets } from './dynamo-client.ts';
import { contended, dynamoError, isConflict, isRefused } from './dynamo-errors.ts';
import type { ItemKey } from './dynamo-table.ts';

export type Item = Record<string, AttributeValue>;

/** Whether a conditional write was made; when not, the item that stood in its way, if there is one. */
export type Written = { held: true } | { held: false; found: Item | undefined };

/** Expressions of a write; attributes are named as `#name` in them, and stand for themselves. */
export interface Change {
  update?: string;
  condition?: string;
  values?: Item;
}

/** One action of a transaction. */
export interface Action extends Change {
  type: 'put' | 'update' | 'delete' | 'check';
  at: ItemKey;
}

/** What a query or a scan takes; attributes are named as `#name`, as in a {@link Change}. */
type Asked<Input> = Omit<Input, 'TableName' | 'ExclusiveStartKey' | 'ExpressionAttributeNames'>;
export type QueryInput = Asked<QueryCommandInput>;
export type ScanInput = Asked<ScanCommandInput>;

/** Actions that DynamoDB takes in one transaction. */
export const maxActions = 100;
const writesPerBatch = 25;
const readsPerBatch = 100;
/** Batches under way at a time. */
const batchesAtOnce = 4;
/** How often what another writer, or a limit, was in the way of is tried again, beside the SDK's own tries of each call. */
const maxTries = 8;
const firstPauseMs = 25;

/** Waits longer each time, and not as long as others do. `tries` from 0 on. */
export function backOff(tries: number): Promise<unknown> {
  return pause(firstPauseMs * 2 ** Math.min(tries, 6) * (0.5 + Math.random()));
}

/** The few calls that the index makes of DynamoDB, on one table. All throw an AwsError when they fail. */
export class DynamoCalls {
  readonly table: string;
  readonly #client: DynamoDBClient;
  /** The SDK counts the time that a request waits for a connection against the time to make one. */
  readonly #line = new Limiter(maxSockets);

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.table = table;
  }

  /** One item as the last write left it. */
  async get(at: ItemKey): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.table, Key: keyOf(at), ConsistentRead: true });
    return (await this.#asked('read', () => this.#client.send(command))).Item;
  }

  put(item: Item, change: Change = {}): Promise<Written> {
    const command = { Item: item, ...this.#conditional(change) };
    return this.#write(() => this.#client.send(new PutItemCommand(command)));
  }

  update(at: ItemKey, change: Change): Promise<Written> {
    const command = { Key: keyOf(at), UpdateExpression: change.update, ...this.#conditional(change) };
    return this.#write(() => this.#client.send(new UpdateItemCommand(command)));
  }

  delete(at: ItemKey, change: Change = {}): Promise<Written> {
    const command = { Key: keyOf(at), ...this.#conditional(change) };
    return this.#write(() => this.#client.send(new DeleteItemCommand(command)));
  }

  /** All or nothing, at most {@link maxActions}; false when a condition does not hold. */
  async transact(actions: Action[]): Promise<boolean> {
    const TransactItems = actions.map(action => this.#action(action));
    const written = await this.#write(() => this.#client.send(new TransactWriteItemsCommand({ TransactItems })));
    return written.held;
  }

  /** One page of a query; `from` is the `next` of the page before. */
  async page(input: QueryInput, from?: Item): Promise<{ items: Item[]; next: Item | undefined }> {
    const command = new QueryCommand({ ...input, ...this.#names(input), ExclusiveStartKey: from });
    const { Items = [], LastEvaluatedKey } = await this.#asked('read', () => this.#client.send(command));
    return { items: Items, next: LastEvaluatedKey };
  }

  /** All pages of a query. A page may be empty. */
  async *query(input: QueryInput): AsyncGenerator<Item[], void> {
    let next: Item | undefined;
    do {
      const page = await this.page(input, next);
      yield page.items;
      next = page.next;
    } while (next);
  }

  /** Reads the whole table, page by page. */
  async *scan(input: ScanInput): AsyncGenerator<Item[], void> {
    let next: Item | undefined;
    do {
      const command = new ScanCommand({ ...input, ...this.#names(input), ExclusiveStartKey: next });
      const { Items = [], LastEvaluatedKey } = await this.#asked('read', () => this.#client.send(command));
      yield Items;
      next = LastEvaluatedKey;
    } while (next);
  }

  /** The items at these keys as the last writes left them, in any order, those that exist. */
  async getAll(keys: ItemKey[], projection: string): Promise<Item[]> {
    const found: Item[] = [];
    await inBatches(keys, readsPerBatch, async batch => {
      const shape = { ProjectionExpression: projection, ExpressionAttributeNames: namesIn(projection) };
      let left = batch.map(keyOf);
      for (let tries = 0; left.length > 0; tries++) {
        if (tries > 0) await this.#again(tries, 'read');
        const RequestItems = { [this.table]: { ...shape, Keys: left, ConsistentRead: true } };
        const answer = await this.#asked('read', () => this.#client.send(new BatchGetItemCommand({ RequestItems })));
        found.push(...(answer.Responses?.[this.table] ?? []));
        left = answer.UnprocessedKeys?.[this.table]?.Keys ?? [];
      }
    });
    return found;
  }

  /** Deletes items, whatever is in them; those that do not exist are deleted already. */
  async deleteAll(keys: ItemKey[]): Promise<void> {
    await inBatches(keys, writesPerBatch, async batch => {
      let left = batch.map(at => ({ DeleteRequest: { Key: keyOf(at) } }) as { DeleteRequest: { Key: Item } });
      for (let tries = 0; left.length > 0; tries++) {
        if (tries > 0) await this.#again(tries, 'write');
        const RequestItems = { [this.table]: left };
        const answer = await this.#asked('write', () => this.#client.send(new BatchWriteItemCommand({ RequestItems })));
        left = (answer.UnprocessedItems?.[this.table] ?? []) as typeof left;
      }
    });
  }

  async #write(send: () => Promise<unknown>): Promise<Written> {
    for (let tries = 0; ; tries++) {
      try {
        await this.#line.run(send);
        return { held: true };
      } catch (error) {
        if (isRefused(error))
          return { held: false, found: error instanceof ConditionalCheckFailedException ? error.Item : undefined };
        if (!isConflict(error)) throw dynamoError(error, this.#doing('write'), this.table);
        if (tries + 1 >= maxTries) throw contended(error, this.#doing('write'));
        await backOff(tries);
      }
    }
  }

  async #asked<Answer>(what: 'read' | 'write', send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await this.#line.run(send);
    } catch (error) {
      throw dynamoError(error, this.#doing(what), this.table);
    }
  }

  /** DynamoDB answers a batch in part when it is over its limits. */
  async #again(tries: number, what: 'read' | 'write'): Promise<void> {
    if (tries >= maxTries) throw contended(new Error(`a batch was left unfinished ${tries} times`), this.#doing(what));
    await backOff(tries);
  }

  #doing(what: 'read' | 'write'): string {
    return `${what} the index (DynamoDB table ${this.table})`;
  }

  #conditional({ update, condition, values }: Change) {
    return {
      TableName: this.table,
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(update, condition),
      ExpressionAttributeValues: values,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    } as const;
  }

  #names(input: QueryInput | ScanInput) {
    const { FilterExpression, ProjectionExpression } = input;
    const condition = 'KeyConditionExpression' in input ? input.KeyConditionExpression : undefined;
    const names = namesIn(FilterExpression, ProjectionExpression, condition);
    return { TableName: this.table, ExpressionAttributeNames: names };
  }

  #action(action: Action): TransactWriteItem {
    const { ReturnValuesOnConditionCheckFailure: _, ...conditional } = this.#conditional(action);
    const Key = keyOf(action.at);
    switch (action.type) {
      case 'put':
        return { Put: { Item: Key, ...conditional } };
      case 'update':
        return { Update: { Key, UpdateExpression: action.update, ...conditional } };
      case 'delete':
        return { Delete: { Key, ...conditional } };
      case 'check':
        return { ConditionCheck: { Key, ...conditional, ConditionExpression: action.condition } };
    }
  }
}

/** The attributes that expressions name. Many a plain name is a reserved word, and the list of those grows. */
function namesIn(...expressions: (string | undefined)[]): Record<string, string> | undefined {
  const found = expressions.join(' ').match(/#\w+/g);
  return found ? Object.fromEntries(found.map(name => [name, name.slice(1)])) : undefined;
}

/** Items in parts of `size`, some parts at a time. */
async function inBatches<T>(all: T[], size: number, act: (batch: T[]) => Promise<void>): Promise<void> {
  const batches = Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
  await eachOf(batches, batchesAtOnce, act);
}

/** Acts on each, so many at a time. The first that fails ends it; then it waits for those under way, so that none is left behind. */
export async function eachOf<T>(all: Iterable<T>, atOnce: number, act: (one: T) => Promise<void>): Promise<void> {
  const iterator = all[Symbol.iterator]();
  const errors: unknown[] = [];
  const work = async () => {
    for (let next = iterator.next(); !next.done && errors.length === 0; next = iterator.next())
      await act(next.value).catch(error => errors.push(error));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (errors.length > 0) throw errors[0];
}

/** An item's key as DynamoDB takes it. */
export function keyOf({ pk, sk }: ItemKey): Item {
  return { pk: { S: pk }, sk: { S: sk } };
}

/** The key of an item that was read. */
export function at(item: Item): ItemKey {
  return { pk: textOf(item, 'pk'), sk: textOf(item, 'sk') };
}

/** A text attribute; '' when it is not there. */
export function textOf(item: Item | undefined, name: string): string {
  return item?.[name]?.S ?? '';
}

/** A number attribute. DynamoDB keeps 38 digits, so that every safe integer comes back as it was. */
export function numberOf(item: Item | undefined, name: string): number | undefined {
  const text = item?.[name]?.N;
  return text === undefined ? undefined : Number(text);
}
