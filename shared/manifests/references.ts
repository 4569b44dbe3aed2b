import { parseDocuments } from './parse.ts';

/** A place where a kustomization (or the configuration of a plugin) names a file or directory. */
export interface Reference {
  /** The field, for errors: `patches[0].path`. */
  field: string;
  path: string;
  /** What may stand there. `config` is a plugin's configuration, or a kustomization that yields some. */
  expects: 'resource' | 'directory' | 'file' | 'config';
  /** Puts another path in its place. */
  replace(path: string): void;
}

/** The configuration of a plugin that is written into the kustomization itself. */
export interface InlineConfig {
  field: string;
  text: string;
}

export interface References {
  references: Reference[];
  inline: InlineConfig[];
}

type Node = Record<string, unknown>;

/** Every file and directory that a kustomization names. */
export function referencesOf(content: Node): References {
  const references = [
    ...paths(content, 'resources', 'resource'),
    ...paths(content, 'bases', 'directory'),
    ...paths(content, 'components', 'directory'),
    ...paths(content, 'crds', 'file'),
    ...paths(content, 'configurations', 'file'),
    ...entries(content, 'patches').flatMap(([entry, field]) => single(entry, 'path', `${field}.path`)),
    ...entries(content, 'patchesJson6902').flatMap(([entry, field]) => single(entry, 'path', `${field}.path`)),
    ...entries(content, 'replacements').flatMap(([entry, field]) => single(entry, 'path', `${field}.path`)),
    ...inNode(content.openapi, node => single(node, 'path', 'openapi.path')),
    ...paths(content, 'patchesStrategicMerge', 'file').filter(({ path }) => !isInline(path)),
    ...['configMapGenerator', 'secretGenerator'].flatMap(name =>
      entries(content, name).flatMap(([entry, field]) => keyValueSources(entry, field)),
    ),
  ];
  const configs = ['generators', 'transformers', 'validators'].flatMap(name => paths(content, name, 'config'));
  return {
    references: [...references, ...configs.filter(({ path }) => !isInline(path))],
    inline: configs.filter(({ path }) => isInline(path)).map(({ field, path }) => ({ field, text: path })),
  };
}

/** Every file that the configurations of built-in plugins name, in a text of several documents. */
export function referencesOfConfig(text: string, where: string): Reference[] {
  return parseDocuments(text, { dialect: 'kustomize', file: where }).flatMap(({ value }) =>
    inNode(value, node => [
      ...single(node, 'path', `${where}: path`),
      ...single(node, 'targetFilePath', `${where}: targetFilePath`),
      ...paths(node, 'paths', 'file', `${where}: paths`).filter(({ path }) => !isInline(path)),
      ...entries(node, 'replacements').flatMap(([entry, field]) => single(entry, 'path', `${where}: ${field}.path`)),
      ...keyValueSources(node, where),
    ]),
  );
}

/** Whether a text is YAML that stands for itself, rather than a path. */
function isInline(text: string): boolean {
  if (!text.includes(':') && !text.includes('{')) return false;
  try {
    return parseDocuments(text, { dialect: 'kustomize' }).some(({ value }) => typeof value === 'object');
  } catch {
    return text.includes('\n');
  }
}

function inNode<T>(value: unknown, collect: (node: Node) => T[]): T[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? collect(value as Node) : [];
}

function entries(node: Node, name: string): [Node, string][] {
  const list = node[name];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry, index) => inNode(entry, found => [[found, `${name}[${index}]`] as [Node, string]]));
}

function single(node: Node, name: string, field: string): Reference[] {
  const path = node[name];
  if (typeof path !== 'string' || path === '') return [];
  const replace = (next: string) => {
    node[name] = next;
  };
  return [{ field, path, expects: 'file', replace }];
}

function paths(node: Node, name: string, expects: Reference['expects'], label = name): Reference[] {
  const list = node[name];
  if (!Array.isArray(list)) return [];
  return list.flatMap((path: unknown, index) => {
    if (typeof path !== 'string') return [];
    const replace = (next: string) => {
      list[index] = next;
    };
    return [{ field: `${label}[${index}]`, path, expects, replace }];
  });
}

/** Files of generators: `path` or `key=path`; without a key the name of the file is the key. */
function keyValueSources(node: Node, field: string): Reference[] {
  const files = paths(node, 'files', 'file', `${field}.files`).map(reference => {
    const at = reference.path.indexOf('=');
    const path = reference.path.slice(at + 1);
    const key = at < 0 ? path.slice(path.lastIndexOf('/') + 1) : reference.path.slice(0, at);
    return { ...reference, path, replace: (next: string) => reference.replace(`${key}=${next}`) };
  });
  return [...files, ...paths(node, 'envs', 'file', `${field}.envs`), ...single(node, 'env', `${field}.env`)];
}
