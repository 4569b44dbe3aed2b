/** Manifests of the scenarios, as a user would write them. */
import { stringify } from 'yaml';

type Spec = Record<string, unknown>;

export function yaml(...objects: unknown[]): string {
  return objects.map(object => stringify(object)).join('---\n');
}

export function gitRepository(namespace: string, name: string, url: string, spec: Spec = {}) {
  return {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { namespace, name },
    spec: { interval: '10m', url, ref: { branch: 'main' }, ...spec },
  };
}

export function kustomization(namespace: string, name: string, spec: Spec = {}) {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { namespace, name },
    spec: {
      interval: '10m',
      prune: true,
      path: './',
      targetNamespace: namespace,
      sourceRef: { kind: 'GitRepository', name: 'app' },
      ...spec,
    },
  };
}

export function receiver(namespace: string, name: string, spec: Spec = {}) {
  return {
    apiVersion: 'notification.toolkit.fluxcd.io/v1',
    kind: 'Receiver',
    metadata: { namespace, name },
    spec: {
      type: 'github',
      events: ['ping', 'push'],
      secretRef: { name: 'webhook-token' },
      resources: [{ apiVersion: 'source.toolkit.fluxcd.io/v1', kind: 'GitRepository', name: 'app' }],
      ...spec,
    },
  };
}

export function provider(namespace: string, name: string, spec: Spec) {
  return {
    apiVersion: 'notification.toolkit.fluxcd.io/v1beta3',
    kind: 'Provider',
    metadata: { namespace, name },
    spec,
  };
}

export function alert(namespace: string, name: string, spec: Spec = {}) {
  return {
    apiVersion: 'notification.toolkit.fluxcd.io/v1beta3',
    kind: 'Alert',
    metadata: { namespace, name },
    spec: {
      providerRef: { name: 'chat' },
      eventSources: [
        { kind: 'GitRepository', name: '*' },
        { kind: 'Kustomization', name: '*' },
      ],
      ...spec,
    },
  };
}

export function secret(namespace: string, name: string, stringData: Record<string, string>) {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, stringData };
}

export function configMap(name: string, data: Record<string, string>, metadata: Spec = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

export function deployment(name: string, image: string, options: { replicas?: number; fail?: boolean } = {}) {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: options.replicas ?? 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: options.fail ? { 'sandbox.sluice.dev/fail': 'image-pull' } : {} },
        spec: { containers: [{ name: 'app', image, ports: [{ containerPort: 8080 }] }] },
      },
    },
  };
}

export function service(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

/** The definition of a namespaced kind with one version, `v1`, whose objects fit the schema. */
export function definition(group: string, kind: string, schema: Spec) {
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural: `${singular}s`, singular },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', ...schema } } },
      ],
    },
  };
}
