/** An object of a kind whose fields are known here by name only. */
// biome-ignore lint/suspicious/noExplicitAny: the kinds' types would fill a package; the schema has checked them
export type Fields = Record<string, any>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects in a list that may be missing. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** Sets the fields of `defaults` that `target` does not have. */
export function setDefaults(target: Fields, defaults: Fields): void {
  for (const name in defaults) {
    if (target[name] === undefined || target[name] === '') target[name] = defaults[name];
  }
}

/** The object at `name`, made when it is missing. */
export function childOf(target: Fields, name: string): Fields {
  if (!isFields(target[name])) target[name] = {};
  return target[name];
}

/** Where the pod template of a workload lies. */
export function podTemplateOf(object: Fields): { template: Fields; path: string } | undefined {
  if (object.kind === 'CronJob') {
    const template = object.spec?.jobTemplate?.spec?.template;
    return isFields(template) ? { template, path: 'spec.jobTemplate.spec.template' } : undefined;
  }
  if (object.kind === 'PodTemplate')
    return isFields(object.template) ? { template: object.template, path: 'template' } : undefined;
  const template = object.spec?.template;
  return isFields(template) ? { template, path: 'spec.template' } : undefined;
}
