import * as z from 'zod';
import type { AddedField, OlderVersion } from '../definition.ts';
import {
  conditions,
  flag,
  interval,
  kubeObject,
  lastHandledReconcileAt,
  localRef,
  observedGeneration,
  text,
  withRules,
} from '../schema.ts';
import { Artifact } from './artifact.ts';
import { ageColumn, defineSource, formerStatus, readyColumns } from './source-kind.ts';

const sourceRef = z
  .object({
    apiVersion: text('API version of the source.').optional(),
    kind: z.enum(['HelmRepository', 'GitRepository', 'Bucket']).describe('Kind of the source.'),
    name: text('Name of the source, in the same namespace.'),
  })
  .describe('The source that has the chart.');

const verification = z
  .object({
    // Required, and with a default that the API server fills in before it looks for it.
    provider: z.enum(['cosign', 'notation']).meta({ description: 'What made the signatures.', default: 'cosign' }),
    secretRef: localRef(
      'Secret with what is trusted: public keys under names ending in .pub (cosign), or certificates and a trust policy (notation).',
    ).optional(),
    matchOIDCIdentity: z
      .array(
        z.object({
          issuer: text('Regular expression for the issuer of the identity.'),
          subject: text('Regular expression for the subject of the identity.'),
        }),
      )
      .describe('Identities of which one must have signed, for signatures of cosign without a key.')
      .optional(),
  })
  .describe('Signatures that the chart must carry. Only for charts of a HelmRepository of the type oci.');

const spec = withRules(
  z.object({
    chart: text('Name of the chart in a HelmRepository, or its path in another source.'),
    version: text('Version, or range of versions; the highest is taken. Only for charts of a HelmRepository.').default(
      '*',
    ),
    sourceRef,
    interval: interval('How often the source is looked at, at least. Some jitter may be added.'),
    reconcileStrategy: z
      .enum(['ChartVersion', 'Revision'])
      .default('ChartVersion')
      .describe(
        'What makes a new artifact: a new version of the chart, or any new revision of the source (not of a HelmRepository).',
      ),
    valuesFiles: z
      .array(z.string())
      .describe(
        "Files that, merged in this order, take the place of the chart's values.yaml. Paths in the chart of a HelmRepository, or in the source.",
      )
      .optional(),
    ignoreMissingValuesFiles: flag('Passes over values files that are not there.').optional(),
    suspend: flag('Stops reconciling while it is true.').optional(),
    verify: verification.optional(),
  }),
  [
    {
      rule: "!has(self.verify) || self.sourceRef.kind == 'HelmRepository'",
      message: "spec.verify is only supported when spec.sourceRef.kind is 'HelmRepository'",
      check: spec => spec.verify === undefined || spec.sourceRef.kind === 'HelmRepository',
    },
  ],
).describe('Which chart, and what to make of it.');

const status = z
  .object({
    observedGeneration,
    observedSourceArtifactRevision: text("Revision of the source's artifact that was last looked at.").optional(),
    observedChartName: text('Name of the chart, as the chart has it.').optional(),
    observedValuesFiles: z
      .array(z.string())
      .describe('The values files that made the artifact, with ignoreMissingValuesFiles.')
      .optional(),
    conditions: conditions('State of the object.'),
    url: text('Address of the last artifact.').optional(),
    artifact: Artifact.describe('The chart as it was last pulled or packaged.').optional(),
    lastHandledReconcileAt,
  })
  .default({ observedGeneration: -1 })
  .describe('What was made, and how it went.');

/** A Helm chart of a source. */
export const HelmChart = kubeObject(spec, status).describe('A Helm chart of a source, as an artifact.');
export type HelmChart = z.infer<typeof HelmChart>;

const valuesFile: AddedField = {
  path: 'spec.valuesFile',
  schema: { type: 'string', description: 'Removed.' },
  refused: 'spec.valuesFile was removed; list the file under spec.valuesFiles',
};

const olderVersions: OlderVersion[] = [
  { name: 'v1beta2', added: [valuesFile] },
  { name: 'v1beta1', added: [valuesFile, formerStatus('status.artifact.checksum')] },
];

export const helmChartKind = defineSource({
  kind: 'HelmChart',
  plural: 'helmcharts',
  singular: 'helmchart',
  shortNames: ['hc'],
  servedVersions: ['v1', 'v1beta2', 'v1beta1'],
  olderVersions,
  schema: HelmChart,
  printerColumns: [
    { name: 'Chart', type: 'string', jsonPath: '.spec.chart' },
    { name: 'Version', type: 'string', jsonPath: '.spec.version' },
    { name: 'Source Kind', type: 'string', jsonPath: '.spec.sourceRef.kind' },
    { name: 'Source Name', type: 'string', jsonPath: '.spec.sourceRef.name' },
    ageColumn,
    ...readyColumns,
  ],
});
