/** Reconciles one Bucket twice in a process of its own, so that its memory can be told from the storage's: endpoint as argument. */
import { once } from 'node:events';
import { bucketController } from '../../shared/controllers/source/bucket/bucket.ts';
import { bucketName } from '../../shared/controllers/source/testing/s3-server.ts';
import { conditionText, startSourceWorld } from '../../shared/controllers/source/testing/source-world.ts';
import { mostMemory } from '../fixtures/most-memory.ts';

const world = await startSourceWorld('Bucket', [bucketController]);
// How long it takes on a busy machine is not what is asked.
const spec = { bucketName, endpoint: process.argv[2], insecure: true, timeout: '15m' };
/** What the other process is told of a reconcile. */
const tell = (bucket: Awaited<ReturnType<typeof world.again>>) =>
  process.send?.({
    ready: conditionText(bucket, 'Ready'),
    event: world.events('many').at(-1)?.text,
    artifact: bucket.status.artifact,
    megabytes: Math.round(mostMemory()),
  });
tell(await world.reconcile('many', spec));
await once(process, 'message');
tell(await world.again('many'));
await once(process, 'message');
await world.close();
process.disconnect();
