import { Alert } from '../../../api/notification/alert.ts';
import type { KubeObject } from '../../../api/object.ts';
import { ApiError, type Cluster } from '../../../ports/cluster.ts';
import type { Log } from '../../../ports/ports.ts';

export const alertType = { apiVersion: 'notification.toolkit.fluxcd.io/v1beta3', kind: 'Alert' };

interface Flight {
  current: Promise<Alert[]>;
  next?: Promise<Alert[]>;
}

const flights = new WeakMap<Cluster, Flight>();

/**
 * The Alerts of a cluster, as they are now or later than now. Events come in bursts, when a push changes many objects, and
 * each has to see the Alerts as they are: so all that come while one LIST is under way share the one that follows it.
 */
export function alertsOf(cluster: Cluster, log: Log): Promise<Alert[]> {
  const flight = flights.get(cluster);
  if (!flight) return start(cluster, log);
  flight.next ??= flight.current.then(ignore, ignore).then(() => start(cluster, log));
  return flight.next;
}

const ignore = () => undefined;

function start(cluster: Cluster, log: Log): Promise<Alert[]> {
  const flight: Flight = { current: listAlerts(cluster, log) };
  flights.set(cluster, flight);
  const land = () => {
    if (flights.get(cluster) === flight && !flight.next) flights.delete(cluster);
  };
  flight.current.then(land, land);
  return flight.current;
}

async function listAlerts(cluster: Cluster, log: Log): Promise<Alert[]> {
  const list = await cluster.list(alertType).catch((error: unknown) => {
    // The kind is not installed: then nobody has asked for notifications.
    if (error instanceof ApiError && error.status === 404) return { items: [] as KubeObject[] };
    throw error;
  });
  return list.items.flatMap(item => {
    const alert = Alert.safeParse({ ...item, ...alertType });
    if (alert.success) return [alert.data];
    log.warn('an Alert cannot be read and is passed over', {
      alert: `${item.metadata.namespace}/${item.metadata.name}`,
      error: alert.error.message,
    });
    return [];
  });
}
