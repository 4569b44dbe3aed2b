import { parseKey } from '../api/object.ts';
import { at, type DynamoCalls, eachOf, type Item } from './dynamo-calls.ts';
import type { DynamoObjects } from './dynamo-objects.ts';
import { isLink, isObject, isOfCluster, objectAt, partitionsOf } from './dynamo-table.ts';

/** Transactions under way at a time: each takes some ten milliseconds. */
const atOnce = 16;
/** Parts that a whole table is read in, side by side. */
const segments = 4;

/** Forgets everything that is indexed of a cluster, registered or not: objects with their links, marks, cursors. */
export async function forgetCluster(calls: DynamoCalls, objects: DynamoObjects, cluster: string): Promise<void> {
  for (const partition of partitionsOf(cluster)) {
    const pages = calls.query({
      KeyConditionExpression: '#pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: partition } },
      ConsistentRead: true,
    });
    for await (const page of pages) await forgetItems(calls, objects, page);
  }
}

/**
 * Forgets every object, mark and cursor. The only one to read the whole table (Scan): it is asked for by hand, and there may
 * be links that no object names any more, which nothing else finds.
 */
export async function forgetAll(calls: DynamoCalls, objects: DynamoObjects): Promise<void> {
  const segmentsOf = (more: object) => Array.from({ length: segments }, (_, Segment) => ({ ...more, Segment }));
  const whole = { TotalSegments: segments, ConsistentRead: true };
  await eachOf(segmentsOf(whole), segments, async input => {
    for await (const page of calls.scan(input))
      await forgetItems(
        calls,
        objects,
        page.filter(item => isOfCluster(at(item))),
      );
  });
  // After the objects, whose links went with them.
  await eachOf(segmentsOf({ ...whole, ProjectionExpression: '#pk, #sk' }), segments, async input => {
    for await (const page of calls.scan(input))
      await forgetOrphans(
        calls,
        page.filter(item => isLink(at(item))),
      );
  });
}

async function forgetItems(calls: DynamoCalls, objects: DynamoObjects, items: Item[]): Promise<void> {
  const [found, others] = [items.filter(item => isObject(at(item))), items.filter(item => !isObject(at(item)))];
  await objects.removeFound(found);
  await calls.deleteAll(others.map(at));
}

/** Links whose objects are not there. One that is being indexed at this moment keeps its links. */
async function forgetOrphans(calls: DynamoCalls, links: Item[]): Promise<void> {
  await eachOf(links, atOnce, async link => {
    const owner = objectAt(parseKey(at(link).sk));
    await calls.transact([
      { type: 'check', at: owner, condition: 'attribute_not_exists(#pk)' },
      { type: 'delete', at: at(link) },
    ]);
  });
}
