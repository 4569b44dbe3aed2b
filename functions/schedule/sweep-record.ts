import * as z from 'zod';
import type { Index } from '../../shared/ports/index.ts';

/** What is remembered of the sweeps of a cluster: all in one place, so that it costs one read and at most one write. */
export interface SweepRecord {
  /** When the last look that was completed began (epoch ms); 0 before the first. */
  at: number;
  /** Where each watch is resumed, by the kind, or by the name of the cursor of ConfigMaps and Secrets. */
  cursors: Record<string, string>;
}

const Stored = z.object({ at: z.number(), cursors: z.record(z.string(), z.string()) });

/** Stands among the cluster's cursors, so that it is lost with them. */
const cursorName = 'sweep';

/** A record that is not there, or that another version wrote, begins anew: everything is listed once more. */
export async function readSweep(index: Index, cluster: string): Promise<SweepRecord> {
  const text = await index.cursor(cluster, cursorName);
  if (text === undefined) return { at: 0, cursors: {} };
  try {
    return Stored.parse(JSON.parse(text));
  } catch {
    return { at: 0, cursors: {} };
  }
}

/** How much older than the truth `at` may be, when nothing else has to be written. */
const restateMs = 90_000;

/**
 * Writes what has changed since it was read. Of two sweeps at a time the later write wins; a cursor that goes back by that
 * only has changes told twice, which is harmless.
 */
export async function writeSweep(
  index: Index,
  cluster: string,
  before: SweepRecord,
  after: SweepRecord,
): Promise<void> {
  const names = new Set([...Object.keys(before.cursors), ...Object.keys(after.cursors)]);
  const moved = [...names].some(name => before.cursors[name] !== after.cursors[name]);
  if (moved || after.at - before.at > restateMs) await index.setCursor(cluster, cursorName, JSON.stringify(after));
}
