import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isBusy } from './sqlite.ts';

/** Another host runs on the state directory. */
export class StateLocked extends Error {
  readonly code = 'StateLocked';
  constructor(dir: string, pid: string) {
    const who = pid ? ` (process ${pid})` : '';
    super(
      `sluice already runs on ${dir}${who}; stop it first (Ctrl-C, or kill ${pid || 'its process'}), or choose another directory with --dir`,
    );
    this.name = 'StateLocked';
  }
}

/**
 * Takes the state directory for this process. The lock is the operating system's lock on a file, held through SQLite: it
 * ends with the process, however that dies, so there are no stale locks to judge by process ids that were given anew.
 */
export function lockState(file: string): { release(): void } {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (isBusy(error)) throw new StateLocked(dirname(file), holder(file));
    throw error;
  }
  writeFileSync(`${file}.pid`, String(process.pid));
  return { release: () => db.close() };
}

function holder(file: string): string {
  try {
    return readFileSync(`${file}.pid`, 'utf8');
  } catch {
    return '';
  }
}
