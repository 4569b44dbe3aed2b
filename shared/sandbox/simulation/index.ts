import type { SimulationApi } from '../simulation-api.ts';

/** Plays the controllers of the workload kinds over the sandbox's API. */
export function startSimulation(api: SimulationApi): { stop(): void } {
  api.log('simulation started');
  return { stop: () => undefined };
}
