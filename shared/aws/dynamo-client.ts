import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { sdkSettings } from './sdk-settings.ts';

/** Where DynamoDB is; what is not said, the SDK finds in the environment. */
export interface DynamoPlace {
  region?: string | undefined;
  endpoint?: string | undefined;
}

/**
 * Waits 0.5, 1 and 2 seconds when DynamoDB is over a limit: a table on demand grows into a burst in about that time. What
 * lasts longer goes back to the queue, and comes again when the worker is not kept busy by waiting.
 */
const maxAttempts = 4;

/** Requests under way at a time. The sweep moves a hundred due times at once. */
export const maxSockets = 100;

const clients = new Map<string, DynamoDBClient>();

/** One client per place and process: its connections stay open from one invocation to the next. */
export function dynamoClient(place: DynamoPlace = {}): DynamoDBClient {
  const id = JSON.stringify([place.region, place.endpoint]);
  let client = clients.get(id);
  if (!client) {
    const sockets = { keepAlive: true, maxSockets };
    client = new DynamoDBClient({
      ...(place.region && { region: place.region }),
      ...(place.endpoint && { endpoint: place.endpoint }),
      maxAttempts,
      retryMode: 'standard',
      requestHandler: { ...sdkSettings.requestHandler, httpAgent: sockets, httpsAgent: sockets },
    });
    clients.set(id, client);
  }
  return client;
}
