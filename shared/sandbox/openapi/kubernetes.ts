import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

interface Packed {
  version: string;
  schemas: Record<string, Record<string, unknown>>;
}

let packed: Packed | undefined;

/** The schemas of the built-in kinds, from Kubernetes' own OpenAPI documents. Read when first asked for. */
export function kubernetes(): Packed {
  packed ??= JSON.parse(gunzipSync(readFileSync(new URL('kubernetes.json.gz', import.meta.url))).toString()) as Packed;
  return packed;
}

const prefix = '#/components/schemas/';

/** What a `$ref` of those documents names. */
export function resolveComponent(ref: string): unknown {
  return kubernetes().schemas[ref.startsWith(prefix) ? ref.slice(prefix.length) : ref];
}

const references = new Map<string, { $ref: string }>();

/** A reference to a component; the same object every time, so that its compiled form is found again. */
export function componentReference(component: string): { $ref: string } {
  let reference = references.get(component);
  if (!reference) {
    reference = { $ref: prefix + component };
    references.set(component, reference);
  }
  return reference;
}
