import { groupOf, type KubeObject } from '../api/object.ts';
import { ApiError, type ApplyOptions, type Cluster } from '../ports/cluster.ts';
import { refOf, subjectOf } from './object-id.ts';
import { isBuiltInGroup } from './well-known.ts';

/** Answers that name unknown fields; a manifest that gets more of them than this is no typing error. */
const maxTries = 20;

/**
 * Server-side apply that leaves out fields which a built-in kind does not have, as Flux does: manifests that Flux applies
 * shall apply here too. Not silently: `warn` is told of each. `sent` is what was applied in the end.
 */
export async function applyKnownFields(
  cluster: Cluster,
  object: KubeObject,
  options: ApplyOptions,
  warn: (message: string) => void,
): Promise<{ result: KubeObject; sent: KubeObject }> {
  let sent = object;
  for (let tries = 0; ; tries++) {
    try {
      return { result: await cluster.apply(sent, options), sent };
    } catch (error) {
      const paths = tries < maxTries ? unknownFields(error, object) : [];
      if (paths.length === 0) throw error;
      for (const path of paths) {
        const trimmed = withoutField(sent, path);
        if (!trimmed) throw error;
        sent = trimmed;
        warn(`${subjectOf(refOf(object))}: field ${path} is unknown to the API server and was left out`);
      }
    }
  }
}

/** The fields that an answer calls unknown: the server names one, or several, one a line. */
function unknownFields(error: unknown, object: KubeObject): string[] {
  if (!(error instanceof ApiError) || !isBuiltInGroup(groupOf(object.apiVersion))) return [];
  const list = /^failed to create typed patch object \([^()]*\): (?:errors:\n)?(.*)$/s.exec(error.message)?.[1] ?? '';
  return [...list.matchAll(/^\s*(\.\S.*): field not declared in schema$/gm)].map(match => match[1]!);
}

/** One step of a path: `.name`, `[0]`, or `[name="web",port=80]`. */
const step = /\.([^.[\]]+)|\[(\d+)\]|\[((?:[\w-]+=(?:"(?:[^"\\]|\\.)*"|[^,\]]+),?)+)\]/y;

/** A copy without the field; undefined when the path cannot be followed. */
export function withoutField(object: KubeObject, path: string): KubeObject | undefined {
  const copy = structuredClone(object);
  let parent: unknown;
  let key: string | number = '';
  let value: unknown = copy;
  step.lastIndex = 0;
  while (step.lastIndex < path.length) {
    const match = step.exec(path);
    if (!match || typeof value !== 'object' || value === null) return undefined;
    parent = value;
    key = match[1] ?? (match[2] !== undefined ? Number(match[2]) : indexOf(value, match[3]!));
    value = (parent as Record<string | number, unknown>)[key];
  }
  if (value === undefined || Array.isArray(parent)) return undefined;
  delete (parent as Record<string | number, unknown>)[key];
  return copy;
}

/** Position of the item with these key fields. */
function indexOf(list: unknown, keys: string): number {
  if (!Array.isArray(list)) return -1;
  const wanted = [...keys.matchAll(/([\w-]+)=("(?:[^"\\]|\\.)*"|[^,\]]+)/g)].map(
    ([, name, text]) => [name!, JSON.parse(text!)] as const,
  );
  return list.findIndex(item => wanted.every(([name, value]) => item?.[name] === value));
}
