import type { KubeObject, TypeRef } from '../api/object.ts';
import { clone } from './crud/clone.ts';
import { deleteEntry } from './crud/delete.ts';
import type { Kernel, Target } from './crud/kernel.ts';
import { createObject, liveEntry, replaceObject } from './crud/write.ts';
import { Fault } from './faults.ts';
import { type SimulationApi, SimulationError, type SimulationEvent, type SimulationWrite } from './simulation-api.ts';
import type { Change } from './store/collection.ts';

/** The simulation's way into the API server: the operations of requests, without the requests. */
export function simulationApi(kernel: Kernel): SimulationApi {
  return {
    get: (type, namespace, name) => {
      const target = targetOf(kernel, type, namespace ?? '', name);
      const entry = kernel.store.get(target.definition.storageKey, target.namespace, name);
      return entry && target.definition.convert(entry.object, target.version.name);
    },
    list: (type, options = {}) => {
      const { definition, version } = targetOf(kernel, type, '', '');
      const wanted = Object.entries(options.labels ?? {});
      const entries = [...kernel.store.collection(definition.storageKey).entries(options.namespace)];
      return entries
        .filter(({ object }) => wanted.every(([key, value]) => object.metadata.labels?.[key] === value))
        .map(entry => definition.convert(entry.object, version.name));
    },
    watch: (types, listener) => follow(kernel, types, listener),
    create: (object, options) =>
      refused(() => {
        const target = targetOf(kernel, object, object.metadata.namespace ?? '', '');
        return createObject(kernel, target, clone(object), writeOptions(options));
      }),
    update: (object, options) => refused(() => replace(kernel, object, '', options)),
    updateStatus: (object, options) => refused(() => replace(kernel, object, 'status', options)),
    delete: (type, namespace, name, options = {}) =>
      refused(() => {
        const target = targetOf(kernel, type, namespace ?? '', name);
        const entry = kernel.store.get(target.definition.storageKey, target.namespace, name);
        if (!entry) return false;
        deleteEntry(kernel, target.definition, entry, {
          propagationPolicy: options.propagation ?? 'Background',
          gracePeriodSeconds: options.gracePeriodSeconds,
          preconditions: options.uid ? { uid: options.uid } : undefined,
        });
        return true;
      }),
    now: kernel.now,
    log: kernel.log,
  };
}

function writeOptions({ manager }: SimulationWrite) {
  return { manager, dryRun: false, fieldValidation: 'Ignore' as const, warnings: [] };
}

function targetOf(kernel: Kernel, type: TypeRef, namespace: string, name: string, subresource = ''): Target {
  const found = kernel.registry.byKind(type.apiVersion, type.kind);
  if (!found) throw new SimulationError(404, 'NotFound', `${type.apiVersion} ${type.kind} is not served`);
  return { ...found, namespace: found.definition.namespaced ? namespace : '', name, subresource };
}

function replace(kernel: Kernel, object: KubeObject, subresource: string, options: SimulationWrite): KubeObject {
  const { namespace = '', name } = object.metadata;
  const target = targetOf(kernel, object, namespace, name, subresource);
  return replaceObject(kernel, target, liveEntry(kernel, target), clone(object), writeOptions(options));
}

function refused<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof Fault) throw new SimulationError(error.status, error.reason, error.message);
    throw error;
  }
}

function follow(kernel: Kernel, types: TypeRef[], listener: (event: SimulationEvent) => void): () => void {
  const targets = types.map(type => targetOf(kernel, type, '', ''));
  let stopped = false;
  const deliver = (event: SimulationEvent): void => {
    if (stopped) return;
    try {
      listener(event);
    } catch (error) {
      kernel.log('the simulation failed on a change', {
        kind: event.object.kind,
        name: event.object.metadata.name,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  };
  const unsubscribe = targets.map(({ definition, version }) => {
    const collection = kernel.store.collection(definition.storageKey);
    const show = (object: KubeObject): KubeObject => definition.convert(object, version.name);
    for (const entry of [...collection.entries()]) deliver({ type: 'ADDED', object: show(entry.object) });
    const onChange = ({ type, entry, old }: Change): void =>
      queueMicrotask(() =>
        deliver({ type, object: show(entry.object), ...(type === 'MODIFIED' && old ? { old: show(old.object) } : {}) }),
      );
    collection.listeners.add(onChange);
    return () => collection.listeners.delete(onChange);
  });
  return () => {
    stopped = true;
    for (const end of unsubscribe) end();
  };
}
