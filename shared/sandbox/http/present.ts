import type { KubeObject } from '../../api/object.ts';
import { type Page, textOf } from '../crud/read.ts';
import { inVersion } from '../crud/write.ts';
import { apiVersionOf } from '../resources/definition.ts';
import type { Entry } from '../store/collection.ts';
import { tableOf } from '../table/table.ts';
import { sendJson } from './answer.ts';
import type { Call } from './resources.ts';

/** One stored object in the shape that the client wants. */
export function sendEntry(call: Call, entry: Entry): void {
  const { as, format } = call.accepted;
  const text = as === 'object' ? textOf(call.target, entry) : shaped(call, inVersion(call.target, entry));
  sendJson(call.response, 200, text, format);
}

/** One object (in the target's version) as the text of the shape that the client wants. */
export function shaped(call: Call, object: KubeObject): string {
  const { accepted } = call;
  if (accepted.as === 'table') return JSON.stringify(tableOf(call.target, [object], tableOptions(call)));
  if (accepted.as === 'partial') return JSON.stringify(partial(object, accepted.version));
  return JSON.stringify(object);
}

export function tableOptions(call: Call): { version: string; include: string; now: Date; headers: boolean } {
  return {
    version: call.accepted.version,
    include: call.query.get('includeObject') || 'Metadata',
    now: call.services.kernel.now(),
    headers: true,
  };
}

/** PartialObjectMetadata: what all kinds have in common. */
export function partial(object: KubeObject, version: string): Record<string, unknown> {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/** A list in the shape that the client wants. */
export function sendPage(call: Call, page: Page): void {
  const { target, accepted } = call;
  const { entries, ...metadata } = page;
  if (accepted.as === 'table') {
    const objects = entries.map(entry => inVersion(target, entry));
    const table = { ...tableOf(target, objects, tableOptions(call)), metadata };
    sendJson(call.response, 200, JSON.stringify(table), accepted.format);
    return;
  }
  const partials = accepted.as === 'partial-list' || accepted.as === 'partial';
  const { definition, version } = target;
  const kind = partials ? 'PartialObjectMetadataList' : definition.listKind;
  const apiVersion = partials ? `meta.k8s.io/${accepted.version}` : apiVersionOf(definition.group, version.name);
  const items = partials
    ? entries.map(entry => JSON.stringify(partial(entry.object, accepted.version)))
    : entries.map(entry => textOf(target, entry));
  const head = JSON.stringify({ kind, apiVersion, metadata });
  sendJson(call.response, 200, `${head.slice(0, -1)},"items":[${items.join(',')}]}`, accepted.format);
}
