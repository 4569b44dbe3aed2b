import { after } from 'node:test';
import { queueContract } from '../contract/ports-queue.ts';
import { sqsImplementation } from './open-queue.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);

queueContract(
  sqsImplementation('SQS on ElasticMQ', servers, {
    '1 MiB is taken, a byte more is refused, and nothing of that call is sent':
      'its limit is 256 KiB, as that of SQS was until 2025; shown on moto, which has the limit of today',
  }),
);
queueContract(
  sqsImplementation(
    'SQS on moto',
    { ...servers, sqs: servers.moto },
    {
      'what is not deleted comes again after its visibility timeout, before those behind it':
        'a stale handle deletes the message all the same; shown on ElasticMQ',
      'a second message with the same id is dropped, also after the first was deleted, in its queue only':
        'it forgets a deduplication id with its message; shown on ElasticMQ',
      'one receive may bring several of a group, in order; the group is free when all are deleted':
        'its sequence numbers are random; shown on ElasticMQ',
      'several consumers share the work: each message once, each group in order':
        'it answers requests in threads that have no locks between them; shown on ElasticMQ',
    },
  ),
);
