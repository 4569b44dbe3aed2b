interface Container {
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
}

/** A pod's quality of service: Guaranteed when every container limits cpu and memory to what it requests. */
export function podQualityOfService(spec: { containers?: Container[]; initContainers?: Container[] }): string {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const named = containers.flatMap(({ resources }) =>
    [resources?.requests, resources?.limits].flatMap(amounts => ['cpu', 'memory'].filter(name => amounts?.[name])),
  );
  if (named.length === 0) return 'BestEffort';
  const guaranteed = containers.every(({ resources }) =>
    ['cpu', 'memory'].every(name => {
      const limit = resources?.limits?.[name];
      return limit !== undefined && (resources?.requests?.[name] ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
