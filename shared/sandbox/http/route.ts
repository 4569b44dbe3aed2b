/** Where a request's path leads: a resource, or something else. */
export interface ResourcePath {
  group: string;
  version: string;
  plural: string;
  /** '' when the path names none. */
  namespace: string;
  name: string;
  subresource: string;
  /** The old form, `/api/v1/watch/…`. */
  watch: boolean;
}

/** Takes apart `/api/v1/namespaces/x/pods/y/log` and `/apis/apps/v1/…`; undefined for paths that are no resource. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = path.split('/').filter(part => part !== '');
  const prefix = parts.shift();
  if (prefix !== 'api' && prefix !== 'apis') return undefined;
  const group = prefix === 'api' ? '' : parts.shift();
  const version = parts.shift();
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  let decoded: string[];
  try {
    decoded = parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  // An encoded slash would make one key look like another.
  if (decoded.some(part => part.includes('/'))) return undefined;
  const watch = decoded[0] === 'watch';
  if (watch) decoded.shift();
  return { group, version, watch, ...place(decoded) };
}

function place(parts: string[]): Pick<ResourcePath, 'plural' | 'namespace' | 'name' | 'subresource'> {
  const [first = '', second = '', third = '', ...rest] = parts;
  const ofNamespaceItself = first === 'namespaces' && (third === '' || third === 'status' || third === 'finalize');
  if (first !== 'namespaces' || ofNamespaceItself)
    return { plural: first, namespace: '', name: second, subresource: [third, ...rest].filter(part => part).join('/') };
  const [name = '', ...subresource] = rest;
  return { plural: third, namespace: second, name, subresource: subresource.join('/') };
}
