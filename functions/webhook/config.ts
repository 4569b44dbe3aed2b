import * as z from 'zod';

const Config = z.object({
  /** As Flux's --no-cross-namespace-refs: Receivers may only name objects of their own namespace. */
  SLUICE_NO_CROSS_NAMESPACE_REFS: z.stringbool().default(false),
  /** How long a cluster may take; GitHub gives up after ten seconds. */
  SLUICE_HOOK_DEADLINE_MS: z.coerce.number().int().min(100).max(25_000).default(7_000),
});

const values = Config.parse(process.env);

export const config = {
  noCrossNamespaceRefs: values.SLUICE_NO_CROSS_NAMESPACE_REFS,
  deadlineMs: values.SLUICE_HOOK_DEADLINE_MS,
};
