import type { Kustomization as FluxKustomization } from '../api/kustomize/kustomization.ts';
import { BuildError } from './build-error.ts';
import { parseDocuments } from './parse.ts';
import { joinWithin, type SourceTree } from './source-tree.ts';

/** The names of kustomization files, in the order in which kustomize looks for them. */
export const kustomizationFiles = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** The content of a kustomization file. */
export type KustomizationContent = Record<string, unknown>;

/** The fields of spec that go into the build. Nothing else of a Kustomization changes what is built. */
export const buildFields = [
  'targetNamespace',
  'namePrefix',
  'nameSuffix',
  'patches',
  'components',
  'ignoreMissingComponents',
  'images',
  'buildMetadata',
] as const;
export type BuildSpec = Partial<Pick<FluxKustomization['spec'], (typeof buildFields)[number]>>;

const header = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };

/** Reads a kustomization file. */
export function parseKustomization(text: string, file: string): KustomizationContent {
  const documents = parseDocuments(text, { file, dialect: 'kustomize' });
  if (documents.length > 1)
    throw new BuildError(`${file} holds ${documents.length} documents; it may hold one`, { file });
  const value = documents[0]?.value ?? {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new BuildError(`${file} is no map of fields, as a kustomization is`, { file });
  return value as KustomizationContent;
}

/** The kustomization files of a directory. */
export async function findKustomizations(tree: SourceTree, directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of kustomizationFiles) {
    const path = joinWithin(directory, name)!;
    if ((await tree.entry(path))?.type === 'file') found.push(path);
  }
  return found;
}

/**
 * The kustomization for a directory that has none: all YAML files below it, in the order of their paths. A directory with
 * a kustomization of its own comes in as a whole, and is not looked into.
 */
export async function generateKustomization(tree: SourceTree, directory: string): Promise<KustomizationContent> {
  const resources: string[] = [];
  await collectManifests(tree, directory, '.', resources);
  // With nothing at all kustomize complains of an empty kustomization; a namespace says that it is meant.
  return resources.length > 0 ? { ...header, resources } : { ...header, namespace: '_placeholder' };
}

async function collectManifests(tree: SourceTree, base: string, below: string, into: string[]): Promise<void> {
  for (const entry of await tree.list(joinWithin(base, below)!)) {
    const relative = `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      if ((await findKustomizations(tree, joinWithin(base, relative)!)).length > 0) into.push(relative);
      else await collectManifests(tree, base, relative, into);
    } else if (/\.ya?ml$/.test(entry.name) && (await isFile(tree, joinWithin(base, relative)!))) into.push(relative);
  }
}

/** A link to a directory is not followed. */
async function isFile(tree: SourceTree, path: string): Promise<boolean> {
  return (await tree.entry(path))?.type === 'file';
}

/** Fields of a kustomization file. Others are dropped at the top, as Flux does when it writes the file anew. */
const knownFields = new Set(
  `apiVersion kind metadata openapi namePrefix nameSuffix namespace commonLabels labels commonAnnotations
  patchesStrategicMerge patchesJson6902 patches images imageTags replacements replicas vars sortOptions resources
  components crds bases configMapGenerator secretGenerator helmGlobals helmCharts helmChartInflationGenerator
  generatorOptions configurations generators transformers validators buildMetadata`.split(/\s+/),
);

/** The kustomization with what the spec of the Flux object adds: its values win, its lists come after. */
export async function mergeSpec(
  content: KustomizationContent,
  spec: BuildSpec,
  where: { tree: SourceTree; directory: string; generated: boolean },
): Promise<KustomizationContent> {
  const known = Object.entries(content).filter(([name, value]) => knownFields.has(name) && value !== null);
  const merged: KustomizationContent = { ...header, ...Object.fromEntries(known) };
  // Without resources kustomize would call the kustomization empty, although it may hold generators or components.
  if (!where.generated && listOf(merged, 'resources').length === 0) merged.buildMetadata = ['originAnnotations'];
  if (spec.targetNamespace) merged.namespace = spec.targetNamespace;
  if (spec.namePrefix) merged.namePrefix = spec.namePrefix;
  if (spec.nameSuffix) merged.nameSuffix = spec.nameSuffix;
  append(merged, 'patches', spec.patches ?? []);
  append(merged, 'components', await componentsOf(spec, where.tree, where.directory));
  if (spec.images?.length) merged.images = mergeImages(listOf(merged, 'images'), spec.images);
  if (spec.buildMetadata?.length) merged.buildMetadata = spec.buildMetadata;
  return merged;
}

function listOf(content: KustomizationContent, field: string): unknown[] {
  const value = content[field];
  return Array.isArray(value) ? value : [];
}

function append(content: KustomizationContent, field: string, items: readonly unknown[]): void {
  if (items.length > 0) content[field] = [...listOf(content, field), ...items];
}

async function componentsOf(spec: BuildSpec, tree: SourceTree, directory: string): Promise<string[]> {
  const components: string[] = [];
  for (const component of spec.components ?? []) {
    if (!isLocal(component))
      throw new BuildError(`spec.components: "${component}" must be a path within the source, relative to spec.path`);
    const path = joinWithin(directory, component);
    const exists = path !== undefined && (await tree.entry(path)) !== undefined;
    if (exists || !spec.ignoreMissingComponents) components.push(component);
  }
  return components;
}

/** Whether a path is neither absolute nor what kustomize takes for an address. */
export function isLocal(path: string): boolean {
  return !/^(?:git::|gh:|ssh:\/\/|https?:\/\/|git@|github\.com[:/]|file:\/\/|\/)/i.test(path);
}

type Image = NonNullable<BuildSpec['images']>[number];

/**
 * Images of the spec override those of the file of the same name, field by field; but tag and digest together say which
 * image is meant, so that setting one takes the other away.
 */
function mergeImages(existing: unknown[], images: readonly Image[]): unknown[] {
  const merged = existing.map(image => ({ ...(image as Partial<Image>) }));
  for (const { name, newName, newTag, digest } of images) {
    let target = merged.find(image => image.name === name);
    if (!target) {
      target = { name };
      merged.push(target);
    }
    if (newName) target.newName = newName;
    if (newTag || digest) {
      delete target.newTag;
      delete target.digest;
      if (newTag) target.newTag = newTag;
      if (digest) target.digest = digest;
    }
  }
  return merged;
}
