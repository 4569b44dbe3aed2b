import { after, before } from 'node:test';
import type { KubeObject } from '../../shared/api/object.ts';
import { type ApplySetOptions, applySet } from '../../shared/kube/apply.ts';
import { changeText } from '../../shared/kube/change.ts';
import { connect, type KubeClient } from '../../shared/kube/client.ts';
import type { InventoryEntry } from '../../shared/kube/inventory.ts';
import { accessFromKubeconfig } from '../../shared/kube/kubeconfig.ts';

/** An API server to run the suites of shared/kube on. */
export interface KubeTarget {
  /** Heads the tests' names. */
  name: string;
  /** Why it cannot run here. */
  skip?: string;
  start(): Promise<{ kubeconfig: string; stop(): Promise<void> }>;
}

export interface Running {
  client: KubeClient;
  /** A namespace of the test's own, created. */
  namespace(): Promise<string>;
  stop(): Promise<void>;
}

export async function run(target: KubeTarget): Promise<Running> {
  const server = await target.start();
  const client = connect('contract', await accessFromKubeconfig(server.kubeconfig));
  let count = 0;
  return {
    client,
    namespace: async () => {
      const name = `test-${++count}`;
      await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      return name;
    },
    stop: async () => {
      client.close();
      await server.stop();
    },
  };
}

export const configMaps = { apiVersion: 'v1', kind: 'ConfigMap' };
export const secrets = { apiVersion: 'v1', kind: 'Secret' };
export const deployments = { apiVersion: 'apps/v1', kind: 'Deployment' };

export function configMap(
  namespace: string,
  name: string,
  data: Record<string, string>,
  metadata: object = {},
): KubeObject {
  return { ...configMaps, metadata: { name, namespace, ...metadata }, data };
}

export function deployment(namespace: string, name: string, image: string, spec: object = {}): KubeObject {
  const labels = { app: name };
  return {
    ...deployments,
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'main',
              image,
              ports: [{ containerPort: 8080 }, { containerPort: 9090, name: 'metrics' }],
              env: [
                { name: 'A', value: 'a' },
                { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              ],
              resources: { requests: { cpu: '100m', memory: '64Mi' } },
              readinessProbe: { httpGet: { path: '/', port: 8080 } },
            },
          ],
        },
      },
      ...spec,
    },
  };
}

/** A CustomResourceDefinition of kind Widget in a group of its own. */
export function widgetDefinition(group: string): KubeObject {
  const spec = {
    type: 'object',
    properties: { size: { type: 'integer', minimum: 1 }, color: { type: 'string', default: 'red' } },
  };
  // Without the subresource: a test writes it as it likes.
  const status = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
        },
      ],
    },
  };
}

export function owner(namespace: string, name = 'app') {
  return { group: 'kustomize.toolkit.fluxcd.io', name, namespace };
}

/** One Kustomization that applies again and again: carries its inventory along, and counts its calls. */
export class Applier {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  inventory: InventoryEntry[] = [];
  warnings: string[] = [];
  /** Requests by verb of the last apply. */
  calls: Record<string, number> = {};

  constructor(client: KubeClient, namespace: string, name = 'app') {
    this.client = client;
    this.namespace = namespace;
    this.name = name;
  }

  async apply(objects: KubeObject[], options: Partial<ApplySetOptions> = {}): Promise<string[]> {
    const before = this.client.stats.snapshot().byVerb;
    try {
      const result = await applySet(this.client, structuredClone(objects), {
        manager: 'kustomize-controller',
        owner: owner(this.namespace, this.name),
        force: false,
        inventory: this.inventory,
        signal: new AbortController().signal,
        clock: { now: Date.now },
        ...options,
      });
      this.inventory = result.inventory;
      this.warnings = result.warnings;
      return result.changes.map(changeText);
    } finally {
      const after = this.client.stats.snapshot().byVerb;
      this.calls = {};
      for (const [verb, count] of Object.entries(after))
        if (count !== (before[verb] ?? 0)) this.calls[verb] = count - (before[verb] ?? 0);
    }
  }
}

/** Starts the target for the suite around it; what it gives back opens a namespace of a test's own, to apply to. */
export function applyingTo(target: KubeTarget) {
  let server: Running;
  before(async () => {
    server = await run(target);
  });
  after(() => server?.stop());
  return async () => {
    const namespace = await server.namespace();
    return { namespace, applier: new Applier(server.client, namespace), client: server.client };
  };
}
