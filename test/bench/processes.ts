/** CPU time and memory of process trees, read from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

interface Stat {
  pid: number;
  parent: number;
  /** Seconds, of the process and of its children that have ended. */
  cpu: number;
}

function stats(): Stat[] {
  const found: Stat[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const text = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The command, in parentheses, may hold spaces.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, n) => sum + Number(fields[n]), 0);
      found.push({ pid: Number(entry), parent: Number(fields[1]), cpu: ticks / ticksPerSecond });
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return found;
}

/** Processes of a tree, the root first. */
function treeOf(root: number, all: Stat[]): Stat[] {
  const members = all.filter(stat => stat.pid === root);
  for (const member of members) members.push(...all.filter(stat => stat.parent === member.pid));
  return members;
}

/** CPU seconds that the tree has used so far. */
export function cpuOfTree(root: number): number {
  return treeOf(root, stats()).reduce((sum, stat) => sum + stat.cpu, 0);
}

/** CPU seconds of all processes of a name (the control plane's, which are not ours). */
export function cpuOfCommand(name: string): number {
  let sum = 0;
  for (const stat of stats()) {
    try {
      if (readFileSync(`/proc/${stat.pid}/comm`, 'utf8').trim() === name.slice(0, 15)) sum += stat.cpu;
    } catch {
      // It ended meanwhile.
    }
  }
  return sum;
}

/** Resident memory of the tree now, in MiB. */
export function memoryOfTree(root: number): number {
  let kib = 0;
  for (const { pid } of treeOf(root, stats())) {
    try {
      kib += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kib / 1024;
}

/** The largest resident memory that the tree has while `work` runs, in MiB. */
export async function peakMemory<T>(root: number, work: () => Promise<T>): Promise<{ result: T; peak: number }> {
  let peak = memoryOfTree(root);
  const timer = setInterval(() => {
    peak = Math.max(peak, memoryOfTree(root));
  }, 50);
  try {
    return { result: await work(), peak };
  } finally {
    clearInterval(timer);
  }
}
