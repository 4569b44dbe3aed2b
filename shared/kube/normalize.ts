import { X509Certificate } from 'node:crypto';
import { groupOf, type KubeObject } from '../api/object.ts';
import { type Owner, ownerLabels } from './policy.ts';
import { isBuiltInGroup } from './well-known.ts';

/**
 * What is sent to the API server for a manifest: owner labels set, server-set fields and status left out, Secrets'
 * `stringData` moved into `data`, default protocols of ports filled in (they are part of the key by which server-side
 * apply tells ports apart). Returns a copy.
 */
export function normalized(object: KubeObject, owner: Owner, namespaced: boolean | undefined): KubeObject {
  const copy = structuredClone(object);
  const { metadata } = copy as { metadata: unknown } & KubeObject;
  const meta = metadata as KubeObject['metadata'] & Record<string, unknown>;
  for (const field of serverFields) delete meta[field];
  if (namespaced === false) delete meta.namespace;
  meta.labels = { ...meta.labels, ...ownerLabels(owner) };
  if (meta.annotations && Object.keys(meta.annotations).length === 0) delete meta.annotations;
  delete copy.status;
  if (isBuiltInGroup(groupOf(copy.apiVersion))) normalizeBuiltIn(copy);
  return copy;
}

/** Fixed types: `null` means absent, and the defaults are known. */
function normalizeBuiltIn(object: KubeObject): void {
  dropNulls(object);
  const type = `${object.apiVersion}/${object.kind}`;
  if (type === 'v1/Secret') normalizeSecret(object);
  if (type === 'v1/Service') fillProtocols(object.spec?.ports);
  if (type === 'networking.k8s.io/v1/NetworkPolicy')
    for (const rule of [...arrayOf(object.spec?.ingress), ...arrayOf(object.spec?.egress)]) fillProtocols(rule?.ports);
  if (object.kind === 'CustomResourceDefinition') dropInvalidCaBundle(object);
  const pod = podSpecOf(object);
  for (const container of [...arrayOf(pod?.initContainers), ...arrayOf(pod?.containers)]) {
    fillProtocols(container?.ports);
    for (const variable of arrayOf(container?.env)) fillFieldRef(variable?.valueFrom?.fieldRef);
  }
}

function dropNulls(value: Any): void {
  if (Array.isArray(value)) for (const item of value) dropNulls(item);
  else if (value && typeof value === 'object')
    for (const [key, member] of Object.entries(value)) {
      if (member === null) delete value[key];
      else dropNulls(member);
    }
}

const serverFields = [
  'creationTimestamp',
  'managedFields',
  'resourceVersion',
  'uid',
  'generation',
  'selfLink',
  'deletionTimestamp',
];

// biome-ignore lint/suspicious/noExplicitAny: manifests of built-in kinds, walked defensively
type Any = any;

function normalizeSecret(secret: KubeObject): void {
  if (secret.data && typeof secret.data === 'object')
    for (const [key, value] of Object.entries(secret.data))
      if (typeof value === 'string') secret.data[key] = value.replace(/[\r\n]/g, '');
  const entries = Object.entries(secret.stringData ?? {});
  // Anything but text is refused by the API server, which says so better.
  if (!entries.every(([, value]) => typeof value === 'string')) return;
  if (entries.length > 0) secret.data ??= {};
  for (const [key, value] of entries) secret.data[key] = Buffer.from(value as string).toString('base64');
  delete secret.stringData;
}

function podSpecOf(object: KubeObject): Any {
  const group = groupOf(object.apiVersion);
  if (group === '' && object.kind === 'Pod') return object.spec;
  if (group === 'apps' || (group === 'batch' && object.kind === 'Job')) return object.spec?.template?.spec;
  return group === 'batch' && object.kind === 'CronJob' ? object.spec?.jobTemplate?.spec?.template?.spec : undefined;
}

function fillProtocols(ports: unknown): void {
  for (const port of arrayOf(ports)) if (port && typeof port === 'object' && !port.protocol) port.protocol = 'TCP';
}

/** Owned as a whole by server-side apply: without its default it would seem to differ from what the server holds. */
function fillFieldRef(reference: Any): void {
  if (reference && typeof reference === 'object') reference.apiVersion ??= 'v1';
}

function arrayOf(value: unknown): Any[] {
  return Array.isArray(value) ? value : [];
}

/** Certificate injectors fill `caBundle` later; what stands there until then is refused by Kubernetes 1.31 and newer. */
function dropInvalidCaBundle(definition: KubeObject): void {
  const client = definition.spec?.conversion?.webhook?.clientConfig;
  if (typeof client?.caBundle !== 'string' || client.caBundle === '') return;
  try {
    new X509Certificate(Buffer.from(client.caBundle, 'base64'));
  } catch {
    delete client.caBundle;
  }
}
