export const valuesFileName = 'values.yaml';

/** The values files that count: `values.yaml` alone is what the chart has anyway. */
export function effectiveValuesFiles(files: readonly string[] | undefined): string[] {
  const list = [...(files ?? [])];
  return list.length === 1 && cleanPath(list[0]!) === valuesFileName ? [] : list;
}

/** As Go's path.Clean, of a relative path: without `.`, `..` as far as it goes, and double slashes. */
export function cleanPath(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..' && names.length > 0 && names.at(-1) !== '..') names.pop();
    else names.push(name);
  }
  return names.join('/') || '.';
}
