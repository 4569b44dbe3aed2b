import type { ArtifactGeneratorSpec, CopyOperation, OutputArtifact } from '../../../api/source/artifact-generator.ts';
import { StalledError } from '../../../reconcile/errors.ts';
import type { Tree } from './tree.ts';

/** An artifact to make, with its captures filled in. */
export interface ArtifactRequest {
  name: string;
  copy: CopyOperation[];
  revision?: string | undefined;
  originRevision?: string | undefined;
  /** Of the ExternalArtifact: what was captured. */
  labels: Record<string, string>;
}

const captureName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
/** The rule of names for most objects (RFC 1123 subdomain). */
const objectName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * The artifacts that the spec asks for: those it lists or, with a path pattern, those it lists for each directory that the
 * pattern matches (ArtifactGenerator spec, "Path Pattern"). Throws StalledError BuildFailed.
 */
export function artifactRequests(spec: ArtifactGeneratorSpec, sources: ReadonlyMap<string, Tree>): ArtifactRequest[] {
  const { pathPattern } = spec;
  if (!pathPattern)
    return spec.artifacts.map(({ name, copy, revision, originRevision }) => ({
      name,
      copy,
      revision,
      originRevision,
      labels: {},
    }));
  const slash = pathPattern.indexOf('/');
  const alias = pathPattern.slice(1, slash);
  const source = sources.get(alias);
  if (!source) throw invalid(pathPattern, `the source alias ${alias} is not one of spec.sources`);
  const match = matcherOf(pathPattern, pathPattern.slice(slash + 1));
  const from = new Map<string, string>();
  const requests: ArtifactRequest[] = [];
  for (const directory of [...source.directories].sort()) {
    const captured = directory === '.' ? undefined : match(directory);
    if (!captured) continue;
    for (const output of spec.artifacts) {
      const request = render(output, captured, pathPattern);
      const before = from.get(request.name);
      if (before !== undefined)
        throw invalid(
          pathPattern,
          `directories "${before}" and "${directory}" both resolve to artifact name "${request.name}"`,
        );
      from.set(request.name, directory);
      requests.push(request);
    }
  }
  return requests;
}

type Captures = Map<string, string>;

function matcherOf(pathPattern: string, pattern: string): (directory: string) => Captures | undefined {
  const names: string[] = [];
  const source = fill(pattern, pathPattern, name => {
    if (names.includes(name)) throw invalid(pathPattern, `duplicate capture variable "${name}"`);
    if (name.length > 63 || !/^[A-Za-z0-9](.*[A-Za-z0-9])?$/.test(name))
      throw invalid(pathPattern, `capture variable "${name}" is not a valid Kubernetes label key`);
    names.push(name);
    return capture;
  });
  const expression = source
    .split(capture)
    .map(text => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
    .join('([^/]+)');
  const regexp = new RegExp(`^${expression}$`);
  return directory => {
    const found = regexp.exec(directory);
    return found ? new Map(names.map((name, index) => [name, found[index + 1]!])) : undefined;
  };
}

/** Stands for a capture while the rest is escaped; no path holds it. */
const capture = '\0';

/** The captures in lower case are for names and labels; paths need them as they are. */
function render(output: OutputArtifact, captured: Captures, pathPattern: string): ArtifactRequest {
  const labels: Record<string, string> = {};
  for (const [name, value] of captured) {
    const lower = value.toLowerCase();
    if (lower.length > 63 || !labelValue.test(lower))
      throw invalid(
        pathPattern,
        `captured value "${lower}" for variable "${name}" is not a valid Kubernetes label value: at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit`,
      );
    labels[name] = lower;
  }
  const value = (name: string, of: (found: string) => string) => {
    const found = captured.get(name);
    if (found === undefined) throw invalid(pathPattern, `capture variable "${name}" is not defined by pathPattern`);
    return of(found);
  };
  const name = fill(output.name, pathPattern, variable => value(variable, found => found.toLowerCase()));
  if (name.length > 253 || !objectName.test(name))
    throw invalid(pathPattern, `rendered artifact name "${name}" is not a valid Kubernetes object name`);
  const path = (text: string) => fill(text, pathPattern, variable => value(variable, found => found));
  const copy = output.copy.map(each => ({ ...each, from: path(each.from), to: path(each.to) }));
  return { name, copy, revision: output.revision, originRevision: output.originRevision, labels };
}

/** Replaces every `{name}` of a text. */
function fill(text: string, pathPattern: string, value: (name: string) => string): string {
  let filled = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '}')
      throw invalid(pathPattern, `"${text}" has a closing brace at offset ${at} without an opening one`);
    if (text[at] !== '{') {
      filled += text[at];
      continue;
    }
    const end = text.indexOf('}', at);
    if (end < 0) throw invalid(pathPattern, `"${text}" has an opening brace at offset ${at} without a closing one`);
    const name = text.slice(at + 1, end);
    if (!captureName.test(name))
      throw invalid(
        pathPattern,
        `"${text}" has the capture "{${name}}"; write letters, digits and underscores, as {app}`,
      );
    filled += value(name);
    at = end;
  }
  return filled;
}

function invalid(pathPattern: string, what: string): StalledError {
  return new StalledError('BuildFailed', `failed to expand path pattern: pathPattern "${pathPattern}": ${what}`);
}
