import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Authorizer } from './access/rbac.ts';
import { Reviews } from './access/reviews.ts';
import { Tokens } from './access/tokens.ts';
import { RoleAggregation } from './control/aggregation.ts';
import { DefinitionController } from './control/definitions.ts';
import { EventExpiry } from './control/event-expiry.ts';
import { GarbageCollector } from './control/garbage.ts';
import { NamespaceController } from './control/namespaces.ts';
import { StorageProtection } from './control/protection.ts';
import type { Kernel } from './crud/kernel.ts';
import { Discovery } from './discovery.ts';
import { handler } from './http/handler.ts';
import { OpenApi } from './openapi/documents.ts';
import { Registry } from './resources/registry.ts';
import { seed } from './seed.ts';
import { startSimulation } from './simulation/index.ts';
import { simulationApi } from './simulation-bridge.ts';
import { Database } from './store/database.ts';
import { Store } from './store/store.ts';
import { type Certificates, certificates } from './tls.ts';

export interface SandboxOptions {
  /** Where the cluster's state, keys and certificates are kept. Made when absent. */
  dir: string;
  /** Default 127.0.0.1: the cluster is for this machine alone. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  log?: (message: string, fields?: Record<string, unknown>) => void;
  /** Default true: workloads progress as if nodes ran them. */
  simulate?: boolean;
}

export interface Sandbox {
  url: string;
  /** YAML; holds the administrator's token. Also written to `<dir>/kubeconfig`, readable by the owner alone. */
  kubeconfig: string;
  close(): Promise<void>;
}

/** Starts the embedded Kubernetes API server on the state in `dir`; a new cluster when there is none. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { dir, host = '127.0.0.1', port = 0, log = () => undefined } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const certificate = await certificates(dir, host, new Date());
  const database = new Database(dir);
  const kernel: Kernel = { store: new Store(database), registry: new Registry(), now: () => new Date(), log };
  const parts = startParts(kernel, options.simulate ?? true);
  const tokens = new Tokens(dir, kernel);
  const authorizer = new Authorizer(kernel.store);
  const discovery = new Discovery(kernel.registry);
  const site = {
    kernel,
    tokens,
    authorizer,
    reviews: new Reviews(kernel, authorizer, tokens),
    discovery,
    openapi: new OpenApi(kernel.registry, discovery),
  };
  const server = createServer({ cert: certificate.cert, key: certificate.key }, handler(site));
  // Watches stay open for as long as they like.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 120_000;
  const end = (): void => {
    for (const part of parts) part.stop();
    database.close();
  };
  try {
    await listen(server, host, port);
  } catch (error) {
    end();
    throw error;
  }
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  const kubeconfig = kubeconfigOf(url, certificate, tokens.admin);
  const file = join(dir, 'kubeconfig');
  writeFileSync(file, kubeconfig, { mode: 0o600 });
  chmodSync(file, 0o600);
  log('sandbox cluster ready', { url });
  return {
    url,
    kubeconfig,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
      end();
    },
  };
}

/** The controllers that live inside of the server, in the order in which they need each other. */
function startParts(kernel: Kernel, simulate: boolean): { stop(): void }[] {
  const definitions = new DefinitionController(kernel);
  const aggregation = new RoleAggregation(kernel);
  seed(kernel);
  aggregation.run();
  const namespaces = new NamespaceController(kernel);
  for (const { name, object } of [...kernel.store.collection('/namespaces').entries()])
    if (!object.metadata.deletionTimestamp) namespaces.ensureServiceAccount(name);
  const parts = [
    definitions,
    aggregation,
    namespaces,
    new GarbageCollector(kernel),
    new StorageProtection(kernel),
    new EventExpiry(kernel),
  ];
  return simulate ? [startSimulation(simulationApi(kernel)), ...parts] : parts;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function kubeconfigOf(url: string, certificate: Certificates, token: string): string {
  const name = 'sluice-sandbox';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: { server: url, 'certificate-authority-data': Buffer.from(certificate.ca).toString('base64') },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}
