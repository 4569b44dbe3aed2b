import { ChartError } from './errors.ts';
import type { Values } from './yaml.ts';
import { parseMapping, writeYaml } from './yaml.ts';

/** Of a chart: mappings are merged key by key, anything else, null included, takes the place of what was there. */
export function mergeValues(base: Values, over: Values): Values {
  const merged: Values = new Map(base);
  for (const [key, value] of over) {
    const had = merged.get(key);
    merged.set(key, had instanceof Map && value instanceof Map ? mergeValues(had, value) : value);
  }
  return merged;
}

export interface MergedValues {
  /** The new values.yaml. */
  text: string;
  /** The files that were there. */
  files: string[];
}

/**
 * Merges values files in their order. `read` gives a file's bytes, undefined when it is not there. Throws ChartError
 * NotFound or InvalidValues.
 */
export async function mergeValuesFiles(
  files: readonly string[],
  ignoreMissing: boolean,
  read: (file: string) => Promise<Buffer | undefined>,
): Promise<MergedValues> {
  let merged: Values = new Map();
  const found: string[] = [];
  for (const file of files) {
    const bytes = await read(file);
    if (!bytes) {
      if (ignoreMissing) continue;
      throw new ChartError('NotFound', `no values file found at path '${file}'`);
    }
    merged = mergeValues(merged, parseMapping(bytes.toString('utf8'), file, 'InvalidValues'));
    found.push(file);
  }
  return { text: writeYaml(merged), files: found };
}
