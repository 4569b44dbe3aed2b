import { addKind } from './components.ts';
import { kubernetes } from './kubernetes.ts';
import { type Described, pathsOf } from './paths.ts';

type Json = Record<string, unknown>;

/** The OpenAPI v2 document: all kinds in one, for clients that do not know v3. */
export function swagger(described: Described[]): Json {
  const schemas: Json = {};
  for (const { definition, version, component } of described) addKind(definition, version, component, schemas);
  const paths: Json = {};
  for (const one of described)
    for (const [path, item] of Object.entries(pathsOf(one))) paths[path] = pathItem(item as Json);
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: kubernetes().version },
    paths,
    definitions: rewrite(schemas),
  };
}

/** References lead to `definitions`; what v2 has no word for is left out, as Kubernetes does. */
function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== 'object' || value === null) return value;
  const result: Json = {};
  for (const [key, field] of Object.entries(value)) {
    if (key === '$ref' && typeof field === 'string')
      result[key] = field.replace('#/components/schemas/', '#/definitions/');
    else result[key] = rewrite(field);
  }
  const only = result.allOf;
  if (Array.isArray(only) && only.length === 1 && result.type === undefined) {
    const { allOf: _, default: __, ...rest } = result;
    return { ...rest, ...(only[0] as Json) };
  }
  for (const word of ['oneOf', 'anyOf', 'not', 'nullable']) if (!isProperties(value)) delete result[word];
  return result;
}

/** A map of fields by name, in which `not` may be a field. */
function isProperties(value: object): boolean {
  return !(
    'type' in value ||
    '$ref' in value ||
    'properties' in value ||
    'allOf' in value ||
    'x-kubernetes-int-or-string' in value
  );
}

const methods = ['get', 'put', 'post', 'patch', 'delete'];

function pathItem(item: Json): Json {
  const result: Json = { parameters: ((item.parameters ?? []) as Json[]).map(parameter) };
  for (const method of methods) {
    const operation = item[method] as Json | undefined;
    if (!operation) continue;
    const { requestBody, parameters, responses, ...rest } = operation;
    const body = requestBody ? [{ in: 'body', name: 'body', required: true, schema: { type: 'object' } }] : [];
    const descriptions = Object.entries(responses as Record<string, Json>).map(([code, one]) => [
      code,
      { description: one.description },
    ]);
    result[method] = {
      ...rest,
      parameters: [...(parameters as Json[]).map(parameter), ...body],
      responses: Object.fromEntries(descriptions),
    };
  }
  return result;
}

/** In v2 a parameter's type stands beside its name. */
function parameter({ schema, ...rest }: Json): Json {
  return { ...rest, ...(schema as Json | undefined) };
}
