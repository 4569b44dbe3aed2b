import * as z from 'zod';

const Config = z.object({
  /** As Flux's --no-cross-namespace-refs: sources only in the Kustomization's own namespace. */
  SLUICE_NO_CROSS_NAMESPACE_REFS: z.stringbool().default(false),
  /** As Flux's --default-service-account: in whose name Kustomizations are applied that name no service account. */
  SLUICE_DEFAULT_SERVICE_ACCOUNT: z.string().min(1).optional(),
  /** Path of kubectl, where a bundle runs without the layer that brings it. */
  SLUICE_KUBECTL: z.string().min(1).optional(),
});

const values = Config.parse(process.env);

export const config = {
  noCrossNamespaceRefs: values.SLUICE_NO_CROSS_NAMESPACE_REFS,
  ...(values.SLUICE_DEFAULT_SERVICE_ACCOUNT ? { defaultServiceAccount: values.SLUICE_DEFAULT_SERVICE_ACCOUNT } : {}),
  ...(values.SLUICE_KUBECTL ? { kubectl: values.SLUICE_KUBECTL } : {}),
};
