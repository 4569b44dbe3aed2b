import type { KubeObject } from '../../api/object.ts';
import type { Target } from '../crud/kernel.ts';
import { type Page, textOf } from '../crud/read.ts';
import { inVersion } from '../crud/write.ts';
import { badRequest } from '../faults.ts';
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
  const include = call.query.get('includeObject') || 'Metadata';
  if (!['None', 'Metadata', 'Object'].includes(include))
    throw badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
    );
  return {
    version: call.accepted.version,
    include,
    now: call.services.kernel.now(),
    headers: true,
  };
}

/** PartialObjectMetadata: what all kinds have in common. */
export function partial(object: KubeObject, version: string): Record<string, unknown> {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/** In a list of a built-in kind, the list says what its items are. */
function itemText(target: Target, entry: Entry): string {
  const text = textOf(target, entry);
  if (!target.definition.builtin) return text;
  const { kind, version } = { kind: target.definition.kind, version: target.version.name };
  const head = `{"kind":"${kind}","apiVersion":"${apiVersionOf(target.definition.group, version)}",`;
  if (text.startsWith(head)) return `{${text.slice(head.length)}`;
  const { kind: _, apiVersion: __, ...rest } = JSON.parse(text) as KubeObject;
  return JSON.stringify(rest);
}

/** A list in the shape that the client wants. */
export function sendPage(call: Call, page: Page): void {
  const { target, accepted } = call;
  const { entries, ...found } = page;
  if (accepted.as === 'table') {
    const objects = entries.map(entry => inVersion(target, entry));
    const table = { ...tableOf(target, objects, tableOptions(call)), metadata: found };
    sendJson(call.response, 200, JSON.stringify(table), accepted.format);
    return;
  }
  const partials = accepted.as === 'partial-list' || accepted.as === 'partial';
  const { definition, version } = target;
  const kind = partials ? 'PartialObjectMetadataList' : definition.listKind;
  const apiVersion = partials ? `meta.k8s.io/${accepted.version}` : apiVersionOf(definition.group, version.name);
  const items = partials
    ? entries.map(entry => JSON.stringify(partial(entry.object, accepted.version)))
    : entries.map(entry => itemText(target, entry));
  // As the API server has it, for custom kinds alone.
  const metadata = target.definition.builtin ? found : { ...found, continue: found.continue ?? '' };
  const head = JSON.stringify({ kind, apiVersion, metadata });
  sendJson(call.response, 200, `${head.slice(0, -1)},"items":[${items.join(',')}]}`, accepted.format);
}
