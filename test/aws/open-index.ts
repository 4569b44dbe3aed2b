import { randomUUID } from 'node:crypto';
import { dynamoClient } from '../../shared/aws/dynamo-client.ts';
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import type { Implementation, Index } from '../contract/ports.ts';
import { createTable } from './table.ts';

interface Place {
  table: string;
  endpoint: string;
}

/** A table of its own, in DynamoDB at this endpoint. */
export async function freshTable(endpoint: string): Promise<string> {
  const table = `index-${randomUUID().slice(0, 8)}`;
  await createTable(dynamoClient({ endpoint }), table);
  return table;
}

/** For ports-process.ts: `argument` is a Place as JSON; credentials and region are in the environment. */
export async function open(argument: string): Promise<Index> {
  return new DynamoIndex({ ...(JSON.parse(argument) as Place), clock: systemClock });
}

/** DynamoIndex on a fresh table for each block of the suite. */
export function dynamoImplementation(endpoint: string): Implementation<Index> {
  return {
    name: 'DynamoDB Local',
    async open() {
      const place: Place = { table: await freshTable(endpoint), endpoint };
      let ahead = 0;
      const clock = { now: () => Date.now() + ahead };
      return {
        port: new DynamoIndex({ ...place, clock }),
        again: async () => new DynamoIndex({ ...place, clock }),
        advance: milliseconds => {
          ahead += milliseconds;
        },
        process: { module: import.meta.url, argument: JSON.stringify(place) },
        async close() {},
      };
    },
  };
}
