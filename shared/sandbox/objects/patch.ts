import jsonPatchLibrary from 'fast-json-patch';
import { PatchError } from './patch-error.ts';

export { PatchError } from './patch-error.ts';
export { strategicMergePatch } from './strategic-merge.ts';

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

const maxOperations = 10_000;
const names = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/**
 * RFC 6902. Answers a new object; `object` is left as it is. Throws {@link PatchError} as the API server does: 400 when
 * `operations` is no patch, 422 when a test fails or a path is not there.
 */
export function jsonPatch<T extends object>(object: T, operations: unknown): T {
  if (!Array.isArray(operations))
    throw new PatchError(
      400,
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  if (operations.length > maxOperations)
    throw new PatchError(
      400,
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    );
  let document: unknown = structuredClone(object);
  for (const operation of operations) document = applyOperation(document, checkOperation(operation));
  return document as T;
}

function checkOperation(operation: unknown): Operation {
  const { op, path, from } = (operation ?? {}) as Partial<Operation>;
  if (typeof op !== 'string' || !names.has(op))
    throw new PatchError(422, `Unexpected kind: ${String(op ?? 'unknown')}`);
  if (typeof path !== 'string') throw new PatchError(422, `${op} operation does not apply: missing path`);
  if ((op === 'move' || op === 'copy') && typeof from !== 'string')
    throw new PatchError(422, `${op} operation does not apply: missing from`);
  return { ...(operation as Operation) };
}

function applyOperation(document: unknown, operation: Operation): unknown {
  const { op, path } = operation;
  const refused = missing(document, operation);
  if (refused) throw new PatchError(422, refused);
  if (op === 'replace' && valueAt(document, path) === undefined) operation.op = 'add';
  try {
    const patched = jsonPatchLibrary.applyOperation(document, structuredClone(operation) as never, true, true);
    return patched.newDocument;
  } catch (error) {
    const name = (error as { name?: string }).name;
    if (name === 'TEST_OPERATION_FAILED') throw new PatchError(422, `testing value ${path} failed`);
    throw new PatchError(
      422,
      `${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`,
    );
  }
}

/** What is missing for an operation whose target must be there; as the API server, a field may be replaced that is not. */
function missing(document: unknown, { op, path, from }: Operation): string | undefined {
  const nothing = (where: string) =>
    `${op} operation does not apply: doc is missing path: ${JSON.stringify(where)}: missing value`;
  if (op === 'test' || path === '') return undefined;
  if ((op === 'move' || op === 'copy') && valueAt(document, from ?? '') === undefined) return nothing(from ?? '');
  const parent = parentOf(document, path);
  if (parent === undefined) return nothing(path);
  if (op === 'remove' || (op === 'replace' && Array.isArray(parent)))
    return valueAt(document, path) === undefined ? nothing(path) : undefined;
  return undefined;
}

function parentOf(document: unknown, path: string): unknown {
  const parent = valueAt(document, path.slice(0, path.lastIndexOf('/')));
  return typeof parent === 'object' && parent !== null ? parent : undefined;
}

function valueAt(document: unknown, path: string): unknown {
  let at: unknown = document;
  for (const part of path.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

/** RFC 7386: what the patch gives replaces, null removes. Answers a new object that shares what did not change. */
export function mergePatch<T extends object>(object: T, patch: unknown): T {
  if (!isMap(patch)) throw new PatchError(400, 'the merge patch must be a JSON object');
  return merge(object, patch) as T;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
