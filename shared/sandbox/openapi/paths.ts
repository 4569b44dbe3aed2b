import type { ResourceDefinition, VersionDefinition } from '../resources/definition.ts';

type Json = Record<string, unknown>;

/** A kind in a version, and the component that describes it. */
export interface Described {
  definition: ResourceDefinition;
  version: VersionDefinition;
  component: string;
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

function query(name: string, type: string, description: string): Json {
  return { in: 'query', name, description, schema: { type, uniqueItems: true } };
}

const dryRun = query('dryRun', 'string', 'Check the request only, and store nothing. Takes the value All.');
const fieldManager = query('fieldManager', 'string', 'The name under which the changed fields are recorded.');
const fieldValidation = query(
  'fieldValidation',
  'string',
  'What happens to unknown and duplicate fields: Ignore drops them, Warn drops them with a warning, Strict refuses them.',
);
const force = query('force', 'boolean', 'Take over fields that other managers own. Only for server-side apply.');
const writing = [dryRun, fieldManager, fieldValidation];
const deleting = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'How long the object may take to end; 0 ends it at once.'),
  query('orphanDependents', 'boolean', 'The former form of propagationPolicy.'),
  query('propagationPolicy', 'string', 'What happens to dependents: Orphan, Background or Foreground.'),
];
const listing = [
  query('allowWatchBookmarks', 'boolean', 'Whether a watch sends BOOKMARK events.'),
  query('continue', 'string', 'Where the last page ended.'),
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('labelSelector', 'string', 'Only objects whose labels match.'),
  query('limit', 'integer', 'The most objects of one page.'),
  query('resourceVersion', 'string', 'The state to read, or to watch from.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Whether a watch begins with what exists.'),
  query('timeoutSeconds', 'integer', 'When the request ends.'),
  query('watch', 'boolean', 'Follow the changes.'),
];
const pretty = query('pretty', 'string', 'Accepted and ignored.');

function inPath(name: string): Json {
  return { in: 'path', name, required: true, schema: { type: 'string', uniqueItems: true } };
}

function content(component: string): Json {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${component}` } } };
}

const actions: Record<string, string> = { get: 'get', put: 'put', patch: 'patch', post: 'post', delete: 'delete' };

function operation(method: string, described: Described, parameters: Json[], answer: string, body?: Json): Json {
  const { definition, version } = described;
  return {
    'x-kubernetes-action': actions[method] ?? method,
    'x-kubernetes-group-version-kind': { group: definition.group, kind: definition.kind, version: version.name },
    parameters,
    ...(body ? { requestBody: { content: body } } : {}),
    responses: { '200': { description: 'OK', content: content(answer) }, '401': { description: 'Unauthorized' } },
  };
}

const patchTypes = ['apply-patch+yaml', 'json-patch+json', 'merge-patch+json'];

/** What PATCH takes. Clients choose by it: only the built-in kinds have what a strategic merge needs. */
function patchBody(builtin: boolean): Json {
  const types = builtin ? [...patchTypes, 'strategic-merge-patch+json'] : patchTypes;
  return Object.fromEntries(
    types.map(type => [`application/${type}`, { schema: { $ref: `#/components/schemas/${meta}.Patch` } }]),
  );
}

/** The paths of one kind: its collections, its objects and their subresources. */
export function pathsOf(described: Described): Json {
  const { definition, version, component } = described;
  const root = definition.group ? `/apis/${definition.group}/${version.name}` : `/api/${version.name}`;
  const inNamespace = definition.namespaced ? `${root}/namespaces/{namespace}` : root;
  const place = definition.namespaced ? [inPath('namespace')] : [];
  const list = operation('get', described, listing, `${component}List`);
  const paths: Json = {
    [`${inNamespace}/${definition.plural}`]: {
      get: { ...list, 'x-kubernetes-action': 'list' },
      post: operation('post', described, writing, component, { '*/*': content(component)['application/json'] }),
      delete: {
        ...operation('delete', described, [...deleting, ...listing], `${meta}.Status`),
        'x-kubernetes-action': 'deletecollection',
      },
      parameters: [...place, pretty],
    },
    [`${inNamespace}/${definition.plural}/{name}`]: {
      ...readAndWrite(described, component),
      delete: operation('delete', described, deleting, `${meta}.Status`),
      parameters: [inPath('name'), ...place, pretty],
    },
  };
  if (definition.namespaced)
    paths[`${root}/${definition.plural}`] = { get: { ...list, 'x-kubernetes-action': 'list' }, parameters: [pretty] };
  const subresource = (name: string, answer: string): void => {
    paths[`${inNamespace}/${definition.plural}/{name}/${name}`] = {
      ...readAndWrite(described, answer),
      parameters: [inPath('name'), ...place, pretty],
    };
  };
  if (version.status) subresource('status', component);
  if (version.scale) subresource('scale', 'io.k8s.api.autoscaling.v1.Scale');
  return paths;
}

function readAndWrite(described: Described, answer: string): Json {
  return {
    get: operation('get', described, [], answer),
    put: operation('put', described, writing, answer, { '*/*': content(answer)['application/json'] }),
    patch: operation('patch', described, [...writing, force], answer, patchBody(described.definition.builtin)),
  };
}
