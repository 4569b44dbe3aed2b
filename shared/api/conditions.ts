import type { Condition, KubeObject } from './object.ts';

/** Types of conditions that the toolkit kinds carry. */
export const conditionTypes = {
  /** The sum of all: reconciled at this generation, and healthy where that is asked for. */
  ready: 'Ready',
  /** Being worked on, or being tried again. */
  reconciling: 'Reconciling',
  /** Cannot go on until the spec changes. */
  stalled: 'Stalled',
  /** The applied objects are healthy. */
  healthy: 'Healthy',
  /** The artifact of the observed revision is stored. */
  artifactInStorage: 'ArtifactInStorage',
  /** The origin has something newer than the artifact. */
  artifactOutdated: 'ArtifactOutdated',
  /** The signatures of the source were verified. */
  sourceVerified: 'SourceVerified',
  fetchFailed: 'FetchFailed',
  buildFailed: 'BuildFailed',
  storageOperationFailed: 'StorageOperationFailed',
  /** An included GitRepository has no artifact yet. */
  includeUnavailable: 'IncludeUnavailable',
} as const;
export type ConditionType = (typeof conditionTypes)[keyof typeof conditionTypes];

/** Reasons of conditions and events, for all kinds. */
export const reasons = {
  // of every kind
  succeeded: 'Succeeded',
  failed: 'Failed',
  progressing: 'Progressing',
  progressingWithRetry: 'ProgressingWithRetry',
  suspended: 'Suspended',
  dependencyNotReady: 'DependencyNotReady',
  reconciliationSucceeded: 'ReconciliationSucceeded',
  reconciliationFailed: 'ReconciliationFailed',
  invalidPath: 'InvalidPath',
  invalidUrl: 'InvalidURL',
  invalidCelExpression: 'InvalidCELExpression',
  insecureConnectionsDisallowed: 'InsecureConnectionsDisallowed',
  unsupportedConnectionType: 'UnsupportedConnectionType',
  featureGateDisabled: 'FeatureGateDisabled',
  accessDenied: 'AccessDenied',
  // of sources
  newArtifact: 'NewArtifact',
  newRevision: 'NewRevision',
  noArtifact: 'NoArtifact',
  gitOperationSucceeded: 'GitOperationSucceeded',
  gitOperationFailed: 'GitOperationFailed',
  urlInvalid: 'URLInvalid',
  authenticationFailed: 'AuthenticationFailed',
  verificationError: 'VerificationError',
  invalidProviderConfiguration: 'InvalidProviderConfiguration',
  directoryCreationFailed: 'DirectoryCreationFailed',
  statOperationFailed: 'StatOperationFailed',
  readOperationFailed: 'ReadOperationFailed',
  acquireLockFailed: 'AcquireLockFailed',
  archiveOperationFailed: 'ArchiveOperationFailed',
  symlinkUpdateFailed: 'SymlinkUpdateFailed',
  artifactUpToDate: 'ArtifactUpToDate',
  cacheOperationFailed: 'CacheOperationFailed',
  patchOperationFailed: 'PatchOperationFailed',
  unavailable: 'Unavailable',
  garbageCollectionSucceeded: 'GarbageCollectionSucceeded',
  garbageCollectionFailed: 'GarbageCollectionFailed',
  invalidChangedPath: 'InvalidChangedPath',
  // of Kustomizations
  artifactFailed: 'ArtifactFailed',
  buildFailed: 'BuildFailed',
  pruneFailed: 'PruneFailed',
  healthCheckFailed: 'HealthCheckFailed',
  healthCheckCanceled: 'HealthCheckCanceled',
  // of notifications
  initialized: 'Initialized',
  validationFailed: 'ValidationFailed',
  tokenNotFound: 'TokenNotFound',
} as const;
export type Reason = (typeof reasons)[keyof typeof reasons];

/** The condition of that type of an object, if it has one. */
export function findCondition(object: KubeObject, type: string): Condition | undefined {
  const conditions: unknown = object.status?.conditions;
  return Array.isArray(conditions) ? conditions.find(condition => condition?.type === type) : undefined;
}

/** Whether an object is Ready, and that of what its spec says now. */
export function isReady(object: KubeObject): boolean {
  const ready = findCondition(object, conditionTypes.ready);
  if (ready?.status !== 'True') return false;
  const generation = object.metadata.generation;
  return generation === undefined || (ready.observedGeneration ?? generation) >= generation;
}
