import { setTimeout as sleep } from 'node:timers/promises';
import { installObjects } from '../api/install/objects.ts';
import { kinds } from '../api/kinds.ts';
import { ApiError, type Cluster } from '../ports/cluster.ts';
import { findError, isUnreachable, messageOfError } from '../reconcile/errors.ts';
import { CommandError } from './command.ts';
import { installInto } from './install-apply.ts';

export interface StartInstall {
  /** The cluster answered an earlier start: that it does not now is an outage, and no mistake in the kubeconfig. */
  known: boolean;
  stop: AbortSignal;
  warn(text: string): void;
  /** Milliseconds between attempts to reach a cluster that is away. */
  pauseMs?: number;
}

/**
 * Puts the kinds into the cluster at the start. A known cluster that is away must not keep the gateway from taking pushes:
 * it is tried again until it answers. Without the right to install, what is there has to do.
 */
export async function installAtStart(cluster: Cluster, options: StartInstall): Promise<void> {
  try {
    await install(cluster);
  } catch (error) {
    if (isUnreachable(error) && options.known) {
      options.warn(`${messageOfError(error)}; going on, and trying again until it answers`);
      void keepInstalling(cluster, options);
    } else if (findError(error, ApiError)?.status === 403) await goOnWithout(cluster, error, options);
    else throw error;
  }
}

async function install(cluster: Cluster): Promise<void> {
  await installInto(cluster, installObjects({ namespace: 'flux-system' }), { dryRun: false, report: () => undefined });
}

async function keepInstalling(cluster: Cluster, { stop, warn, pauseMs = 5000 }: StartInstall): Promise<void> {
  while (!stop.aborted) {
    await sleep(pauseMs, undefined, { signal: stop, ref: false }).catch(() => undefined);
    try {
      if (!stop.aborted) await install(cluster);
      return;
    } catch (error) {
      if (isUnreachable(error)) continue;
      warn(`the cluster answers, but Flux's kinds could not be installed: ${messageOfError(error)}`);
      return;
    }
  }
}

async function goOnWithout(cluster: Cluster, error: unknown, { warn }: StartInstall): Promise<void> {
  const advice =
    'have someone who may run `sluice install --kubeconfig FILE`, or apply what `sluice install --export` prints';
  // Asked anew: what the client knows of well-known kinds says nothing about this cluster.
  const versions = await Promise.all(kinds.map(async ({ group, kind }) => cluster.servedVersions?.(group, kind)));
  const missing = kinds.filter((_, position) => versions[position]?.length === 0).map(({ kind }) => kind);
  if (missing.length > 0)
    throw new CommandError(
      `the cluster does not have ${missing.join(', ')}, and this kubeconfig may not install them; ${advice}`,
      { cause: error },
    );
  warn(`this kubeconfig may not install Flux's kinds; going on with those that are there (${advice} to upgrade them)`);
}
