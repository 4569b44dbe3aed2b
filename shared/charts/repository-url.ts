import { ChartError } from './errors.ts';

/**
 * The address of a repository in one form: with a slash at the end for http(s), without one for oci. Throws ChartError
 * InvalidReference.
 */
export function normalizeRepositoryUrl(text: string): string {
  const url = parseUrl(text);
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = url.protocol === 'oci:' ? path : `${path}/`;
  const { href } = url;
  return url.protocol === 'oci:' && url.search === '' ? href.replace(/\/$/, '') : href;
}

/** Where the index of a repository is. Throws ChartError InvalidReference. */
export function indexUrl(repository: string): URL {
  const url = parseUrl(repository);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/index.yaml`;
  return url;
}

/**
 * Where a chart of an index is: relative addresses are of the repository, and get its query, which may hold a token.
 * Only http and https are followed. Throws ChartError InvalidReference.
 */
export function chartUrl(repository: string, reference: string): URL {
  const base = new URL(normalizeRepositoryUrl(repository));
  const url = URL.parse(reference, base.href);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new ChartError(
      'InvalidReference',
      `the index names an address for the chart that is none of http or https: ${JSON.stringify(reference.slice(0, 200))}`,
    );
  const isRelative = URL.parse(reference) === null;
  if (isRelative && url.origin === base.origin) url.search = base.search;
  return url;
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url?.host || !/^(https?|oci):$/.test(url.protocol))
    throw new ChartError(
      'InvalidReference',
      `${JSON.stringify(text.slice(0, 200))} is no address of a Helm repository (http://, https:// or oci://)`,
    );
  return url;
}
