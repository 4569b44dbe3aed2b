import type { Ask } from './sandbox-http.ts';
import { accessAsks, accessPreparation } from './sandbox-http-access.ts';
import { definitionAsks } from './sandbox-http-definitions.ts';
import { kindAsks } from './sandbox-http-kinds.ts';
import { listAsks, listPreparation } from './sandbox-http-lists.ts';
import { objectAsks } from './sandbox-http-objects.ts';
import { patchAsks, patchPreparation } from './sandbox-http-patches.ts';
import { serverAsks } from './sandbox-http-server.ts';

export interface Topic {
  topic: string;
  /** Sent to both, and not compared. */
  prepare: Ask[];
  asks: Ask[];
}

/** A namespace with the service account that pods need; the sandbox makes that one by itself. */
function namespace(name: string): Ask[] {
  const meta = (kind: string, metadata: object) => ({ apiVersion: 'v1', kind, metadata });
  return [
    { name: '', method: 'POST', path: '/api/v1/namespaces', body: meta('Namespace', { name }) },
    {
      name: '',
      method: 'POST',
      path: `/api/v1/namespaces/${name}/serviceaccounts`,
      body: meta('ServiceAccount', { name: 'default' }),
    },
  ];
}

export const topics: Topic[] = [
  { topic: 'discovery and requests that are none', prepare: namespace('server'), asks: serverAsks },
  { topic: 'create, read, update, delete', prepare: namespace('objects'), asks: objectAsks },
  { topic: 'patch and apply', prepare: [...namespace('patches'), ...patchPreparation], asks: patchAsks },
  { topic: 'lists, watches, tables', prepare: [...namespace('lists'), ...listPreparation], asks: listAsks },
  { topic: 'built-in kinds', prepare: namespace('kinds'), asks: kindAsks },
  { topic: 'custom kinds', prepare: namespace('custom'), asks: definitionAsks },
  { topic: 'access', prepare: [...namespace('access'), ...accessPreparation], asks: accessAsks },
];
