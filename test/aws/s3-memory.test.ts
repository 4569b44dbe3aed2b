import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { createBucket } from './installation.ts';
import { type AwsServers, region, startAwsServers } from './servers.ts';

const bucket = `memory-${randomUUID()}`;
const megabyte = 1024 * 1024;
let servers: AwsServers;
let dir: string;

before(async () => {
  servers = await startAwsServers();
  await createBucket(servers, bucket);
  dir = await mkdtemp(join(tmpdir(), 'sluice-memory-'));
});
after(async () => {
  await rm(dir, { recursive: true });
  await servers.close();
});

/** The most memory, in bytes, that a process has held which uploads a file of that size and reads it back. */
async function peak(size: number): Promise<number> {
  const file = join(dir, String(size));
  const handle = await open(file, 'w');
  await handle.truncate(size);
  await handle.close();
  const program = `
    import { S3Store } from '${new URL('../../shared/aws/s3-store.ts', import.meta.url).href}';
    import { mostMemory } from '${new URL('../fixtures/most-memory.ts', import.meta.url).href}';
    const store = new S3Store({ bucket: '${bucket}', endpoint: '${servers.s3}', region: '${region}', pathStyle: true });
    await store.put('large', { file: '${file}' });
    let bytes = 0;
    for await (const piece of (await store.get('large')).body) bytes += piece.length;
    if (bytes !== ${size}) throw new Error('got ' + bytes);
    console.log(mostMemory() * 2 ** 20);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    env: { ...process.env, ...servers.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  assert.equal(code, 0);
  return Number(said);
}

test('a large artifact is never held in memory', async () => {
  const [small, large] = [await peak(megabyte), await peak(300 * megabyte)];
  // Three parts on their way, and what is not collected yet.
  assert.ok(large - small < 120 * megabyte, `${Math.round((large - small) / megabyte)} MiB more for 300 MiB`);
});
