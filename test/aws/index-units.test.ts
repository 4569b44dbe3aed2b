import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { measureUnits } from '../scale/measure-units.ts';
import { units } from '../scale/work.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);

test('operations of the index cost what docs/scale.md reckons with', async () => {
  const withoutCpu = (all: typeof units) =>
    Object.fromEntries(Object.entries(all).map(([name, { cpuMs: _, ...rest }]) => [name, rest]));
  const now = await measureUnits(servers.dynamodb, `units-${process.pid}`);
  const advice = 'what they cost has changed; if it was meant to, npm run scale -- --units --write';
  assert.deepEqual(withoutCpu(now), withoutCpu(units), advice);
});
