import * as z from 'zod';

const Config = z.object({
  /** As Flux's --no-cross-namespace-refs: ArtifactGenerators may only name sources of their own namespace. */
  SLUICE_NO_CROSS_NAMESPACE_REFS: z.stringbool().default(false),
});

export const config = { noCrossNamespaceRefs: Config.parse(process.env).SLUICE_NO_CROSS_NAMESPACE_REFS };
