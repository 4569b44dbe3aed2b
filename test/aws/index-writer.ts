/**
 * A process that writes one object of the index: node index-writer.ts JSON, with `{table, endpoint, name, sets, rounds}`.
 * Writes the object with each of the sets of references in turn (removes it for `null`), and prints a line per write.
 */
import { DynamoIndex } from '../../shared/aws/dynamo-index.ts';
import { systemClock } from '../../shared/ports/clock.ts';
import { indexed, keyOf } from './indexed-object.ts';

export interface Writing {
  table: string;
  endpoint: string;
  name: string;
  sets: (string[] | null)[];
  rounds: number;
}

const { table, endpoint, name, sets, rounds } = JSON.parse(process.argv[2]!) as Writing;
const index = new DynamoIndex({ table, endpoint, clock: systemClock });
for (let round = 0; round < rounds; round++)
  for (const [i, refs] of sets.entries()) {
    if (refs) await index.putObject(indexed(name, { refs, dueAt: round, uid: `${process.pid}-${round}-${i}` }));
    else await index.removeObject(keyOf(name));
    process.stdout.write(`${round}\n`);
  }
