import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject } from '../../api/object.ts';
import { checkEscalation, rbacGroup } from '../access/escalation.ts';
import type { Authorizer } from '../access/rbac.ts';
import type { Reviews } from '../access/reviews.ts';
import type { Tokens } from '../access/tokens.ts';
import type { User } from '../access/user.ts';
import { deleteEntry } from '../crud/delete.ts';
import type { Kernel, Target, WriteOptions } from '../crud/kernel.ts';
import { applyObject, applyPatch, patchObject, patchTypeOf } from '../crud/patch.ts';
import { listObjects } from '../crud/read.ts';
import { readScale, writeScale } from '../crud/scale.ts';
import { createObject, liveEntry, replaceObject } from '../crud/write.ts';
import { badRequest, forbidden, methodNotAllowed, noSuchPath } from '../faults.ts';
import { compileSchema } from '../objects/schema.ts';
import { componentReference, resolveComponent } from '../openapi/kubernetes.ts';
import { reviewResources } from '../resources/builtin.ts';
import { apiVersionOf } from '../resources/definition.ts';
import { type Accepted, negotiate } from './accept.ts';
import { addWarnings, sendJson } from './answer.ts';
import { contentTypeOf, type Parsed, parseBody, parsePatch, readBody } from './body.ts';
import { deleteOptions, dryRunOf, isTrue, listOptions, writeOptions } from './options.ts';
import { sendEntry, sendPage, shaped } from './present.ts';
import type { ResourcePath } from './route.ts';
import { serveSubresource } from './subresources.ts';
import { serveWatch } from './watching.ts';

/** What requests for resources need. */
export interface Services {
  kernel: Kernel;
  authorizer: Authorizer;
  tokens: Tokens;
  reviews: Reviews;
}

/** One request, taken apart. */
export interface Call {
  services: Services;
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  accepted: Accepted;
  user: User;
  path: ResourcePath;
  target: Target;
}

const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

function verbOf(method: string, path: ResourcePath, watching: boolean): string {
  if (method === 'GET' || method === 'HEAD') return watching ? 'watch' : path.name ? 'get' : 'list';
  if (method === 'DELETE' && !path.name) return 'deletecollection';
  return verbs[method] ?? method.toLowerCase();
}

function authorize(services: Services, user: User, path: ResourcePath, verb: string, name = path.name): void {
  const { group, plural: resource, subresource } = path;
  // A namespace is asked about as an object that is in itself.
  const namespace = group === '' && resource === 'namespaces' ? name : path.namespace;
  const decision = services.authorizer.authorize(user, { verb, group, resource, subresource, namespace, name });
  if (!decision.allowed) throw forbidden({ group, plural: resource }, name, decision.reason);
}

/** `metadata.name=x` on a list or watch: whoever may get the object may do it. */
function soughtName(query: URLSearchParams): string {
  return /^metadata\.name=([^,=!]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}

/** Serves a request whose path leads to a resource: authorization, then the operation. */
export async function serveResource(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  url: { path: ResourcePath; query: URLSearchParams },
  user: User,
): Promise<void> {
  const { path, query } = url;
  const method = request.method ?? 'GET';
  const watching = path.watch || (!path.subresource && query.has('watch') && isTrue(query, 'watch'));
  const verb = verbOf(method, path, watching && method === 'GET');
  authorize(services, user, path, verb, path.name || (verb === 'list' || verb === 'watch' ? soughtName(query) : ''));
  const review = reviewResources.find(
    one => one.group === path.group && one.version === path.version && one.plural === path.plural,
  );
  if (review) {
    await serveReview(
      services,
      request,
      response,
      user,
      review.kind,
      apiVersionOf(review.group, review.version),
      path.namespace,
    );
    return;
  }
  const found = services.kernel.registry.find(path.group, path.version, path.plural);
  if (!found) throw noSuchPath();
  const { definition, version } = found;
  if (definition.namespaced && path.name && !path.namespace) throw noSuchPath();
  if (!definition.namespaced && path.namespace) throw noSuchPath();
  const target: Target = {
    definition,
    version,
    namespace: path.namespace,
    name: path.name,
    subresource: path.subresource,
  };
  if (version.deprecated) addWarnings(response, [version.deprecated.warning]);
  const accepted = negotiate(request.headers.accept);
  const call: Call = { services, request, response, query, accepted, user, path, target };
  await operate(call, verb);
}

async function operate(call: Call, verb: string): Promise<void> {
  const { target } = call;
  if (target.subresource && !['status', 'scale', 'finalize'].includes(target.subresource))
    return serveSubresource(call);
  if (target.subresource === 'scale') return serveScale(call, verb);
  if (target.subresource === 'status' && !target.version.status) throw noSuchPath();
  if (target.subresource === 'finalize' && target.definition.storageKey !== '/namespaces') throw noSuchPath();
  switch (verb) {
    case 'get':
      return sendEntry(call, liveEntry(call.services.kernel, target));
    case 'list':
      return sendPage(call, listObjects(call.services.kernel, target, listOptions(call.query)));
    case 'watch':
      return serveWatch(call);
    case 'create':
      return create(call);
    case 'update':
      return update(call);
    case 'patch':
      return patch(call);
    case 'delete':
      return remove(call);
    case 'deletecollection':
      return removeAll(call);
    default:
      throw methodNotAllowed();
  }
}

async function objectOf(call: Call): Promise<Parsed> {
  return parseBody(await readBody(call.request), contentTypeOf(call.request), call.target.definition.kind);
}

function writing(call: Call, kind: string): WriteOptions {
  const options = writeOptions(call.query, call.request.headers['user-agent'], kind);
  const { definition, namespace } = call.target;
  if (definition.group !== rbacGroup) return options;
  const { authorizer } = call.services;
  const granting = { authorizer, user: call.user, definition, namespace, name: call.path.name };
  return { ...options, mayWrite: (next, live) => checkEscalation(granting, next, live) };
}

function answer(call: Call, status: number, object: KubeObject, options?: WriteOptions): void {
  if (options) addWarnings(call.response, options.warnings);
  sendJson(call.response, status, shaped(call, object), call.accepted.format);
}

async function create(call: Call): Promise<void> {
  const { target } = call;
  if (target.name) throw methodNotAllowed();
  if (target.definition.namespaced && !target.namespace) throw methodNotAllowed();
  const options = writing(call, 'CreateOptions');
  const { value, repeated } = await objectOf(call);
  answer(call, 201, createObject(call.services.kernel, target, value, { ...options, repeated }), options);
}

async function update(call: Call): Promise<void> {
  const { kernel } = call.services;
  if (!call.target.name) throw methodNotAllowed();
  const options = writing(call, 'UpdateOptions');
  const { value, repeated } = await objectOf(call);
  const entry = liveEntry(kernel, call.target);
  const next = replaceObject(kernel, call.target, entry, value, { ...options, repeated }, { requireVersion: true });
  answer(call, 200, next, options);
}

async function patch(call: Call): Promise<void> {
  const { target, services } = call;
  if (!target.name) throw methodNotAllowed();
  const type = patchTypeOf(contentTypeOf(call.request), target);
  const options = writing(call, 'PatchOptions');
  const { value, repeated } = parsePatch(await readBody(call.request), type === 'apply');
  if (type !== 'apply') {
    answer(call, 200, patchObject(services.kernel, target, type, value, { ...options, repeated }), options);
    return;
  }
  if (options.fieldValidation === 'Strict' && repeated.errors.length > 0)
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${repeated.errors.join(', ')}`);
  const { object, created } = applyObject(services.kernel, target, value, {
    ...options,
    repeated,
    manager: call.query.get('fieldManager') ?? '',
    force: call.query.has('force') && isTrue(call.query, 'force'),
    mayCreate: () => authorize(services, call.user, call.path, 'create'),
  });
  answer(call, created ? 201 : 200, object, options);
}

const jobWarning =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning';

/** Kinds whose deletion is answered with the object, even when it is gone. */
const answersDeleted = new Set([
  '/namespaces',
  '/persistentvolumeclaims',
  '/persistentvolumes',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'storage.k8s.io/storageclasses',
]);

async function remove(call: Call): Promise<void> {
  const { target, services } = call;
  const bytes = await readBody(call.request);
  const options = deleteOptions(
    bytes.length > 0 ? parseBody(bytes, contentTypeOf(call.request), 'DeleteOptions').value : undefined,
    call.query,
  );
  const dryRun = dryRunOf([...(options.dryRun ?? []), ...call.query.getAll('dryRun')], 'DeleteOptions');
  const entry = liveEntry(services.kernel, target);
  const { object, removed } = deleteEntry(services.kernel, target.definition, entry, options, dryRun);
  if (
    target.definition.storageKey === 'batch/jobs' &&
    !options.propagationPolicy &&
    typeof options.orphanDependents !== 'boolean'
  )
    addWarnings(call.response, [jobWarning]);
  if (!removed || answersDeleted.has(target.definition.storageKey))
    return answer(call, 200, target.definition.convert(object, target.version.name));
  const { group, plural } = target.definition;
  const details = { name: target.name, ...(group ? { group } : {}), kind: plural, uid: object.metadata.uid };
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  sendJson(call.response, 200, JSON.stringify(status), call.accepted.format);
}

async function removeAll(call: Call): Promise<void> {
  const { target, services } = call;
  if (!target.definition.verbs.includes('deletecollection')) throw methodNotAllowed();
  const bytes = await readBody(call.request);
  const options = deleteOptions(
    bytes.length > 0 ? parseBody(bytes, contentTypeOf(call.request), 'DeleteOptions').value : undefined,
    call.query,
  );
  const dryRun = dryRunOf([...(options.dryRun ?? []), ...call.query.getAll('dryRun')], 'DeleteOptions');
  const page = listObjects(services.kernel, target, listOptions(call.query));
  for (const entry of page.entries) {
    const current = services.kernel.store.get(entry.resource, entry.namespace, entry.name);
    if (current) deleteEntry(services.kernel, target.definition, current, options, dryRun);
  }
  sendPage(call, page);
}

const scaleSchema = compileSchema(componentReference('io.k8s.api.autoscaling.v1.Scale'), resolveComponent);

async function serveScale(call: Call, verb: string): Promise<void> {
  const { target, services } = call;
  if (!target.version.scale) throw noSuchPath();
  if (verb === 'get')
    return sendJson(call.response, 200, JSON.stringify(readScale(services.kernel, target)), call.accepted.format);
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  const type = verb === 'patch' ? patchTypeOf(contentTypeOf(call.request), target) : undefined;
  const options = writing(call, 'UpdateOptions');
  const bytes = await readBody(call.request);
  const body = type
    ? parsePatch(bytes, type === 'apply').value
    : parseBody(bytes, contentTypeOf(call.request), 'Scale').value;
  const scale = writeScale(services.kernel, target, options, current => {
    if (!type) return body as KubeObject;
    return applyPatch(target, type === 'apply' ? 'merge' : type, current, body, scaleSchema);
  });
  addWarnings(call.response, options.warnings);
  sendJson(call.response, 200, JSON.stringify(scale), call.accepted.format);
}

async function serveReview(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  user: User,
  kind: string,
  apiVersion: string,
  namespace: string,
): Promise<void> {
  if (request.method !== 'POST') throw methodNotAllowed();
  const body = parseBody(await readBody(request), contentTypeOf(request), kind).value;
  const review = services.reviews.answer(kind, body, user, namespace);
  sendJson(response, 201, JSON.stringify({ ...review, kind, apiVersion }), negotiate(request.headers.accept).format);
}
