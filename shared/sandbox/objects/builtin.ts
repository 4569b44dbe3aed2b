import type { KubeObject } from '../../api/object.ts';
import type { FieldError } from './field-error.ts';

/** Fills in what Kubernetes' defaulting and strategies fill in for its own kinds. Changes `object`. */
export function defaultBuiltin(object: KubeObject): void {
  if (object.kind === 'Secret' && object.apiVersion === 'v1') {
    object.type ??= 'Opaque';
    const data = object.stringData as Record<string, string> | undefined;
    if (data) {
      object.data = {
        ...object.data,
        ...Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
      };
      delete object.stringData;
    }
  }
}

/** What of an object breaks the rules of its own kind; `old` is the stored object of an update. */
export function validateBuiltin(object: KubeObject, _old?: KubeObject): FieldError[] {
  return object.metadata.name
    ? []
    : [{ type: 'FieldValueRequired', field: 'metadata.name', detail: 'name or generateName is required' }];
}
