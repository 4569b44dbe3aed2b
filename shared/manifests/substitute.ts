import type { KubeObject } from '../api/object.ts';
import { BuildError } from './build-error.ts';
import { emitYaml } from './emit.ts';
import { evaluate } from './envsubst.ts';
import { parseDocuments } from './parse.ts';

/** Set to `disabled` as a label or an annotation, it leaves the object as it is. */
export const substituteKey = 'kustomize.toolkit.fluxcd.io/substitute';

export interface SubstituteOptions {
  /** Fail for variables that have no value and no default. */
  strict?: boolean;
  /** Substitute even when there are no variables, so that defaults take effect (substituteStrategy: Always). */
  always?: boolean;
}

/**
 * The objects with `${…}` replaced by the values of `variables`. As in Flux this happens in the YAML text of an object,
 * which is then read anew: `replicas: ${n}` becomes a number, `"${n}"` in quotes a string. Objects that carry
 * `kustomize.toolkit.fluxcd.io/substitute: disabled` are left alone, and so is everything when there are no variables.
 */
export function substitute(
  objects: KubeObject[],
  variables: Readonly<Record<string, string>>,
  options: SubstituteOptions = {},
): KubeObject[] {
  const values = new Map(Object.entries(variables).map(([name, value]) => [checkedName(name), oneLine(value)]));
  if (values.size === 0 && !options.always) return objects;
  return objects.map(object => (isDisabled(object) ? object : substituteObject(object, values, options)));
}

/**
 * Variables from the data of a ConfigMap or Secret (decoded), for {@link substitute}. Names are checked when used, so
 * that the error names the Kustomization's own doing.
 */
function checkedName(name: string): string {
  if (/^[_A-Za-z][_A-Za-z0-9]*$/.test(name)) return name;
  throw new BuildError(
    `'${name}' cannot be the name of a variable; names hold letters, digits and underscores and begin with no digit (^[_[:alpha:]][_[:alpha:][:digit:]]*$)`,
  );
}

/** A value stands within a line of YAML, so it has no line breaks. */
function oneLine(value: string): string {
  return value.replaceAll('\n', '');
}

function isDisabled(object: KubeObject): boolean {
  const { labels, annotations } = object.metadata;
  return labels?.[substituteKey] === 'disabled' || annotations?.[substituteKey] === 'disabled';
}

function substituteObject(
  object: KubeObject,
  values: ReadonlyMap<string, string>,
  options: SubstituteOptions,
): KubeObject {
  // Without a dollar sign nothing can change, and most objects have none.
  if (!JSON.stringify(object).includes('$')) return object;
  const text = evaluated(object, values, options);
  try {
    const documents = parseDocuments(text);
    const value = documents[0]?.value;
    if (documents.length === 1 && typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as KubeObject;
  } catch {
    // The parser quotes the text, which holds values of Secrets: its words stay out of the message.
    throw new BuildError(`${nameOf(object)}: ${notYaml}`);
  }
  throw new BuildError(`${nameOf(object)}: ${notYaml}`);
}

const notYaml =
  'the text is no valid YAML after the variables were put in; quote the ${…} in the manifest where a value holds special characters';

function evaluated(object: KubeObject, values: ReadonlyMap<string, string>, options: SubstituteOptions): string {
  try {
    return evaluate(emitYaml(object), values, options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError(`${nameOf(object)}: variable substitution failed: ${message}`, { cause });
  }
}

function nameOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return [object.kind, namespace, name].filter(Boolean).join('/');
}
