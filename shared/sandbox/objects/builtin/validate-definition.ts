import type { FieldError } from '../field-error.ts';
import { invalid, notSupported, required } from '../field-error.ts';
import { ruleCompileError } from '../rules.ts';
import { sameValue } from '../same-value.ts';
import { compileSchema, type OpenApiSchema } from '../schema.ts';
import { schemaErrors } from '../schema-errors.ts';
import type { Fields } from './fields.ts';
import { isFields, listOf } from './fields.ts';
import { dns1035Label, dnsSubdomain } from './names.ts';
import { immutable } from './validate-metadata.ts';

/** What is wrong with a CustomResourceDefinition: names, versions, and whether its schemas are structural. */
export function definitionErrors(object: Fields, old: Fields | undefined): FieldError[] {
  const spec: Fields = object.spec ?? {};
  const names: Fields = spec.names ?? {};
  const errors: FieldError[] = [];
  if (!spec.group) errors.push(required('spec.group'));
  else errors.push(...dnsSubdomain(spec.group).map(message => invalid('spec.group', spec.group, message)));
  const wanted = `${names.plural}.${spec.group}`;
  if (object.metadata.name !== wanted)
    errors.push(invalid('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    errors.push(
      spec.scope ? notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']) : required('spec.scope'),
    );
  for (const name of ['plural', 'singular', 'kind', 'listKind']) {
    const text = names[name];
    if (!text) errors.push(required(`spec.names.${name}`));
    else errors.push(...dns1035Label(text.toLowerCase()).map(message => invalid(`spec.names.${name}`, text, message)));
  }
  errors.push(...versionErrors(spec));
  if (!object.status?.storedVersions?.length)
    errors.push(invalid('status.storedVersions', null, 'must have at least one stored version'));
  if (old?.status?.storedVersions) errors.push(...identityErrors(spec, old.spec ?? {}));
  return errors;
}

function identityErrors(spec: Fields, before: Fields): FieldError[] {
  return [
    ...immutable(spec.scope, before.scope, 'spec.scope'),
    ...immutable(spec.names?.kind, before.names?.kind, 'spec.names.kind'),
    ...immutable(spec.group, before.group, 'spec.group'),
    ...immutable(spec.names?.plural, before.names?.plural, 'spec.names.plural'),
  ];
}

function versionErrors(spec: Fields): FieldError[] {
  const versions = listOf(spec.versions);
  const errors: FieldError[] = [];
  const storage = versions.filter(version => version.storage === true).length;
  if (versions.length === 0 || storage !== 1)
    errors.push(
      invalid(
        'spec.versions',
        versions.length > 0 ? versions.map(version => version.name) : null,
        'must have exactly one version marked as storage version',
      ),
    );
  const names = versions.map(version => version.name);
  if (new Set(names).size !== names.length)
    errors.push(invalid('spec.versions', names, 'must contain unique version names'));
  // What all versions have in common the API server keeps, and names, once.
  const shared = versions.every(version => sameValue(version.schema, versions[0]?.schema));
  const sameScale = versions.every(version => sameValue(version.subresources, versions[0]?.subresources));
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    const schemaPath = shared ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
    errors.push(
      ...dns1035Label(version.name ?? '').map(message => invalid(`${path}.name`, version.name ?? '', message)),
    );
    const schema = version.schema?.openAPIV3Schema;
    if (!isFields(schema)) errors.push(required(`${path}.schema.openAPIV3Schema`));
    else if (i === 0 || !shared) {
      errors.push(...structuralErrors(schema as OpenApiSchema, schemaPath, true));
      errors.push(...selectableErrors(version, shared ? 'spec' : path));
    }
    if (i === 0 || !sameScale) errors.push(...scaleErrors(version, sameScale ? 'spec' : path));
  }
  return errors;
}

const scalePaths = {
  specReplicasPath: { root: '\\.spec', told: '.spec' },
  statusReplicasPath: { root: '\\.status', told: '.status' },
  labelSelectorPath: { root: '\\.(?:spec|status)', told: 'either .spec or .status' },
};

/** The paths of the scale subresource: the server writes along one of them, so that none may leave the object. */
function scaleErrors(version: Fields, path: string): FieldError[] {
  const scale = version.subresources?.scale;
  if (!isFields(scale)) return [];
  return Object.entries(scalePaths).flatMap(([name, { root, told }]) => {
    const given: unknown = scale[name];
    const at = `${path}.subresources.scale.${name}`;
    if (given === undefined || given === '') return name === 'labelSelectorPath' ? [] : [required(at)];
    const fits = new RegExp(`^${root}(\\.[^.\\[\\]]+)+$`).test(String(given)) && !String(given).includes('__proto__');
    return fits ? [] : [invalid(at, given, `should be a json path under ${told}`)];
  });
}

function selectableErrors(version: Fields, path: string): FieldError[] {
  const detail = 'is an invalid path: does not refer to a valid field';
  return listOf(version.selectableFields).flatMap(({ jsonPath }, i) => {
    let schema: OpenApiSchema | undefined = version.schema.openAPIV3Schema;
    for (const name of String(jsonPath).split('.').slice(1)) schema = schema?.properties?.[name];
    return schema ? [] : [invalid(`${path}.selectableFields[${i}].jsonPath`, jsonPath, detail)];
  });
}

function defaultErrors(schema: OpenApiSchema, path: string): FieldError[] {
  if (schema.default === undefined || !schema.type) return [];
  // A schema that stands alone is taken for an object's; as a property it is what it says.
  const holder = compileSchema({ type: 'object', properties: { default: schema } });
  return schemaErrors(holder, { default: schema.default }).map(error => ({
    ...error,
    field: `${path}.${error.field}`,
    // The place itself has no name there.
    detail: error.detail.replace(/^default(?=[ .[])[.]?/, ''),
  }));
}

/** What keeps a schema from being structural: every place has a type, unless it takes anything or two types. */
function structuralErrors(schema: OpenApiSchema, path: string, root = false): FieldError[] {
  const errors: FieldError[] = [];
  const anything =
    schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  if (!schema.type && !(anything && !root))
    errors.push(
      required(
        `${path}.type`,
        root ? 'must not be empty at the root' : 'must not be empty for specified object fields',
      ),
    );
  if (root && schema.type && schema.type !== 'object')
    errors.push(invalid(`${path}.type`, schema.type, 'must be object at the root'));
  errors.push(...defaultErrors(schema, path));
  if (schema.type === 'array' && !schema.items) errors.push(required(`${path}.items`, 'must be specified'));
  for (const [i, { rule }] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    const wrong = ruleCompileError(rule);
    if (wrong)
      errors.push(invalid(`${path}.x-kubernetes-validations[${i}].rule`, { rule }, `compilation failed: ${wrong}`));
  }
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    errors.push(...structuralErrors(child, `${path}.properties[${name}]`));
  if (schema.items) errors.push(...structuralErrors(schema.items, `${path}.items`));
  if (isFields(schema.additionalProperties))
    errors.push(...structuralErrors(schema.additionalProperties as OpenApiSchema, `${path}.additionalProperties`));
  return errors;
}
