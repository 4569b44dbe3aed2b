import type { KindDefinition } from './definition.ts';
import { kustomizationKind } from './kustomize/kustomization.ts';
import { alertKind } from './notification/alert.ts';
import { providerKind } from './notification/provider.ts';
import { receiverKind } from './notification/receiver.ts';
import { artifactGeneratorKind } from './source/artifact-generator.ts';
import { bucketKind } from './source/bucket.ts';
import { externalArtifactKind } from './source/external-artifact.ts';
import { gitRepositoryKind } from './source/git-repository.ts';
import { helmChartKind } from './source/helm-chart.ts';
import { helmRepositoryKind } from './source/helm-repository.ts';
import { ociRepositoryKind } from './source/oci-repository.ts';

export type { KindDefinition } from './definition.ts';

/** The toolkit kinds that Sluice reconciles. */
export const kinds: KindDefinition[] = [
  gitRepositoryKind,
  ociRepositoryKind,
  bucketKind,
  helmRepositoryKind,
  helmChartKind,
  externalArtifactKind,
  artifactGeneratorKind,
  kustomizationKind,
  receiverKind,
  providerKind,
  alertKind,
];

/** The definition of a toolkit kind; kinds are unique among the groups of the toolkit. */
export function kindOf(kind: string): KindDefinition | undefined {
  return kinds.find(definition => definition.kind === kind);
}

/** `group/version` of the storage version. */
export function apiVersionOf(definition: KindDefinition): string {
  return `${definition.group}/${definition.version}`;
}
