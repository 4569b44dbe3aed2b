import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startS3Server } from '../../shared/controllers/source/testing/s3-server.ts';

const objects = 20_000;
/** As the budget of a worker has it (docs), with a sandbox in the same process. */
const mostMegabytes = 512;

test('20,000 objects are listed by pages and fetched within the memory of a worker; one change fetches one', async () => {
  const s3 = await startS3Server();
  after(() => s3.close());
  for (let n = 0; n < objects; n++) s3.objects.set(`apps/${n % 200}/file-${n}.yaml`, `n: ${n}\n`.repeat(50));
  const child = fork(fileURLToPath(new URL('./bucket-process.ts', import.meta.url)), [s3.endpoint]);
  after(() => child.kill());
  const first = await told(child);
  const seen = s3.seen();
  assert.match(first.ready, /^True Succeeded/);
  assert.match(first.event, /stored artifact with 20000 fetched files/);
  assert.equal(seen.filter(line => line === 'LIST').length, objects / s3.pageSize);
  assert.equal(seen.filter(line => line.startsWith('GET apps/')).length, objects);

  s3.objects.set('apps/7/file-7.yaml', 'changed');
  child.send('again');
  const second = await told(child);
  assert.deepEqual(
    s3.seen().filter(line => line.startsWith('GET apps/')),
    ['GET apps/7/file-7.yaml'],
  );
  assert.notEqual(second.artifact.digest, first.artifact.digest);
  assert.ok(second.megabytes < mostMegabytes, `${second.megabytes} MB at most at a time`);
  child.send('end');
  await once(child, 'exit');
});

async function told(child: ChildProcess) {
  const [message] = await once(child, 'message');
  return message as { ready: string; event: string; artifact: { digest: string }; megabytes: number };
}
