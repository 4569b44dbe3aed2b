/** What the operator of an installation decides for all Kustomizations, as Flux's controller flags do. */
export interface Settings {
  /** --no-cross-namespace-refs: sources only in the Kustomization's own namespace. */
  noCrossNamespaceRefs?: boolean;
  /** --default-service-account: in whose name Kustomizations are applied that name no service account. */
  defaultServiceAccount?: string;
  /** kubectl, whose kustomize builds; that of the layer when not given. */
  kubectl?: string;
}
