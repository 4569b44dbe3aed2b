import { join, resolve } from 'node:path';

/** Where everything lies in the state directory. */
export interface StatePaths {
  root: string;
  queue: string;
  index: string;
  store: string;
  secrets: string;
  log: string;
  lock: string;
  /** Addresses and process id, while the host runs. */
  local: string;
  /** Ports that were used last, so that addresses stay the same. */
  addresses: string;
  kubeconfig: string;
  sandbox: string;
  sandboxLog: string;
  demo: string;
  notifications: string;
  /** Temporary files of the workers. */
  temporary: string;
}

export const defaultStateDir = '.sluice';

export function statePaths(dir: string): StatePaths {
  const root = resolve(dir);
  return {
    root,
    queue: join(root, 'queue.db'),
    index: join(root, 'index.db'),
    store: join(root, 'store'),
    secrets: join(root, 'secrets'),
    log: join(root, 'logs', 'sluice.log'),
    lock: join(root, 'lock.db'),
    local: join(root, 'local.json'),
    addresses: join(root, 'addresses.json'),
    kubeconfig: join(root, 'kubeconfig'),
    sandbox: join(root, 'sandbox'),
    sandboxLog: join(root, 'logs', 'sandbox.log'),
    demo: join(root, 'demo'),
    notifications: join(root, 'notifications.jsonl'),
    temporary: join(root, 'tmp'),
  };
}
