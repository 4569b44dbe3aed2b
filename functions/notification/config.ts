import * as z from 'zod';

const Config = z.object({
  /** As Flux's --no-cross-namespace-refs: Alerts and Receivers may only name objects of their own namespace. */
  SLUICE_NO_CROSS_NAMESPACE_REFS: z.stringbool().default(false),
});

const values = Config.parse(process.env);

export const config = { noCrossNamespaceRefs: values.SLUICE_NO_CROSS_NAMESPACE_REFS };
