import { createHash } from 'node:crypto';
import { alertKind } from '../../../api/notification/alert.ts';
import type { Cluster } from '../../../ports/cluster.ts';
import type { Ports } from '../../../ports/ports.ts';
import { sendEvents } from '../../../reconcile/recorder.ts';
import type { Complaint } from './match.ts';

/** A complaint is made once in this time, however many events run into it. */
const quietSeconds = 300;

/**
 * Tells an Alert's owner, by a Warning Event on the Alert and a log line, what is wrong with it. Alerts have no status since
 * v1beta3: this is where Flux says it, too. Never sent as a notification, which could fail in the same way.
 */
export async function complain(cluster: Cluster, complaint: Complaint, trace: string, ports: Ports): Promise<void> {
  const { alert, reason, message, annotations } = complaint;
  const { namespace = '', name, uid = '' } = alert.metadata;
  const log = ports.log.with({ trace, cluster: cluster.name, alert: `${namespace}/${name}` });
  const digest = createHash('sha256')
    .update(JSON.stringify([cluster.name, uid, reason, message]))
    .digest('hex');
  if (!(await ports.index.once(`complaint/${digest}`, quietSeconds))) return;
  log.warn(message, { reason });
  const key = { cluster: cluster.name, kind: 'Alert', namespace, name };
  await sendEvents({ key, definition: alertKind, object: alert, cluster, ports, log, trace }, [
    { severity: 'error', reason, message, to: 'cluster', ...(annotations ? { metadata: annotations } : {}) },
  ]);
}
