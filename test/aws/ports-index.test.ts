import { after } from 'node:test';
import { indexContract } from '../contract/ports-index.ts';
import { dynamoImplementation } from './open-index.ts';
import { startAwsServers } from './servers.ts';

const servers = await startAwsServers();
after(() => servers.close());
Object.assign(process.env, servers.env);

indexContract(dynamoImplementation(servers.dynamodb));
