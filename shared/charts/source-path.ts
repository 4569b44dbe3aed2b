import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChartError } from './errors.ts';
import { maxChartSize } from './limits.ts';

/**
 * A path within a tree, from its root: `..` stops at the root, as if that were the root of the file system. (The tree holds
 * no links that could lead elsewhere.) The root itself is `.`.
 */
export function resolveWithin(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.join('/') || '.';
}

/** A file of a tree; undefined when there is none. Throws ChartError TooLarge. */
export async function readSmallFile(root: string, path: string): Promise<Buffer | undefined> {
  const file = join(root, resolveWithin(path));
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile()) return undefined;
  if (info.size > maxChartSize)
    throw new ChartError('TooLarge', `size of '${path}' exceeds '${maxChartSize}' bytes limit`);
  return readFile(file);
}
