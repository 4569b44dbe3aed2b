import { apiVersionOf, kindOf, kinds } from '../api/kinds.ts';
import type { ObjectKey } from '../api/object.ts';
import { ApiError } from '../ports/cluster.ts';
import type { ObjectSummary } from '../ports/index.ts';
import type { Ports } from '../ports/ports.ts';
import { messageOfError } from '../reconcile/errors.ts';
import { recordOf } from '../reconcile/record.ts';
import { command, type ExitCode, type Io } from './command.ts';
import { chosenClusters, withInstallation } from './installation.ts';
import { outputFormat } from './output.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';
import { age, oneLine, table } from './table.ts';

export const summary = 'show every object of every cluster, and whether it is ready';

const help = `
Shows every object of every cluster: whether it is ready, at which revision, since when, and what it says. Answered from the
index, without asking the clusters.

Usage:
  sluice status [--cluster NAME] [--failed] [--live] [-o table|json]

Options:
  --cluster NAME       only this cluster
  --failed             only what is not ready; the exit code is 1 when there is any
  --live               ask the clusters instead of the index
  -o, --output FORMAT  table (default) or json
  --dir DIR            state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                       one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

Examples:
  # Everything
  sluice status

  # What is broken in production, as the cluster says now
  sluice status --cluster production --failed --live

  # Names of what is not ready, for a script
  sluice status --failed -o json | jq -r '.[].name'
`;

const options = {
  cluster: { type: 'string' },
  failed: { type: 'boolean' },
  live: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  ...placeOptions,
} as const;

interface Entry {
  key: ObjectKey;
  summary: ObjectSummary;
}

export function run(args: string[], io: Io): Promise<number> {
  return command('status', help, args, io, async () => {
    const { values } = readPlaceArgs(args, options);
    const format = outputFormat(values.output);
    return withInstallation(io, placeOf(io, values), async ({ ports }) => {
      const clusters = await chosenClusters(ports, values.cluster);
      const { entries, silent } = values.live
        ? await askClusters(clusters, ports, io)
        : await askIndex(clusters, ports);
      const shown = values.failed ? entries.filter(isFailed) : entries;
      shown.sort((a, b) => compare(sortKey(a), sortKey(b)));
      if (format === 'json') io.out(JSON.stringify(shown.map(jsonOf), null, 2));
      else if (shown.length > 0) print(shown, ports.clock.now(), io);
      else if (!silent) io.out(nothingShown(entries.length, values.live ?? false));
      const exit: ExitCode = silent || (values.failed && shown.length > 0) ? 1 : 0;
      return exit;
    });
  });
}

async function askIndex(clusters: string[], ports: Ports): Promise<{ entries: Entry[]; silent: boolean }> {
  const entries: Entry[] = [];
  for (const cluster of clusters)
    for await (const { key, summary } of ports.index.objects(cluster)) entries.push({ key, summary });
  return { entries, silent: false };
}

/** A cluster that does not answer is told and passed over: the others are worth seeing. */
async function askClusters(clusters: string[], ports: Ports, io: Io): Promise<{ entries: Entry[]; silent: boolean }> {
  let silent = false;
  const lists = clusters.map(async name => {
    try {
      return await listCluster(name, ports);
    } catch (error) {
      silent = true;
      io.err(`error: cluster "${name}": ${messageOfError(error)}`);
      return [];
    }
  });
  return { entries: (await Promise.all(lists)).flat(), silent };
}

async function listCluster(name: string, ports: Ports): Promise<Entry[]> {
  const cluster = await ports.clusters.get(name);
  const lists = kinds.map(async definition => {
    const type = { apiVersion: apiVersionOf(definition), kind: definition.kind };
    const list = await cluster.list(type).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return { items: [] };
      throw error;
    });
    return list.items.map(item => {
      const key = {
        cluster: name,
        kind: type.kind,
        namespace: item.metadata.namespace ?? '',
        name: item.metadata.name,
      };
      return { key, summary: recordOf(key, { ...item, ...type }, 0).summary };
    });
  });
  return (await Promise.all(lists)).flat();
}

function hasStatus({ key }: Entry): boolean {
  return kindOf(key.kind)?.hasStatus ?? true;
}

function isFailed(entry: Entry): boolean {
  return hasStatus(entry) && !entry.summary.suspended && entry.summary.ready !== 'True';
}

function sortKey({ key }: Entry): string[] {
  return [key.cluster, key.namespace, key.kind, key.name];
}

function compare(a: string[], b: string[]): number {
  for (const [position, text] of a.entries()) if (text !== b[position]) return text < b[position]! ? -1 : 1;
  return 0;
}

function jsonOf(entry: Entry): unknown {
  const { key, summary } = entry;
  const { ready, createdAt, since, ...rest } = summary;
  return {
    ...key,
    ready: hasStatus(entry) ? ready : null,
    ...rest,
    createdAt: createdAt ? new Date(createdAt).toISOString() : null,
    since: since ? new Date(since).toISOString() : null,
  };
}

function nothingShown(all: number, live: boolean): string {
  if (all > 0) return `all ${all} objects are ready or suspended`;
  if (live) return "the clusters have no objects of Flux's kinds";
  return 'no objects are known; `sluice resync` reads them from the clusters, `sluice status --live` shows them now';
}

function print(entries: Entry[], now: number, io: Io): void {
  const rows = entries.map(entry => {
    const { key, summary } = entry;
    return [
      key.cluster,
      key.namespace,
      `${key.kind}/${key.name}`,
      hasStatus(entry) ? (summary.suspended ? 'Suspended' : summary.ready) : '-',
      shortRevision(summary.revision) || '-',
      summary.createdAt ? age(now - summary.createdAt) : '-',
      messageOf(summary),
    ];
  });
  for (const line of table(['CLUSTER', 'NAMESPACE', 'OBJECT', 'READY', 'REVISION', 'AGE', 'MESSAGE'], rows))
    io.out(line);
}

/** `main@sha1:a1b2c3d4`, as Flux's CLI shortens it. */
function shortRevision(revision: string): string {
  return oneLine(
    revision.replace(
      /(sha1|sha256):([0-9a-f]{8})[0-9a-f]+/,
      (_, algorithm: string, hex: string) => `${algorithm}:${hex}`,
    ),
    60,
  );
}

function messageOf({ ready, reason, message }: ObjectSummary): string {
  return oneLine(ready === 'True' || !reason ? message : `${reason}: ${message}`, 120);
}
