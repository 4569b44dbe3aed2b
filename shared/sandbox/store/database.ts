import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** One stored object, as the file holds it. */
export interface Row {
  /** The collection, e.g. `apps/deployments`. */
  resource: string;
  namespace: string;
  name: string;
  rv: number;
  json: string;
}

/**
 * The objects on disk: one SQLite file, write-ahead log. Every write is a transaction of its own, handed to the operating
 * system before the request is answered, so that a killed process loses nothing that it acknowledged.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #revision: StatementSync;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const file = join(dir, 'cluster.sqlite');
    this.#db = new DatabaseSync(file);
    // Secrets are in it.
    chmodSync(file, 0o600);
    openExclusively(this.#db, dir);
    this.#put = this.#db.prepare(
      'INSERT INTO objects (resource, namespace, name, rv, json) VALUES (?, ?, ?, ?, ?) ' +
        'ON CONFLICT DO UPDATE SET rv = excluded.rv, json = excluded.json',
    );
    this.#delete = this.#db.prepare('DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?');
    this.#revision = this.#db.prepare(
      "INSERT INTO meta (key, value) VALUES ('revision', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    );
  }

  *rows(): Generator<Row> {
    for (const row of this.#db.prepare('SELECT resource, namespace, name, rv, json FROM objects').iterate())
      yield row as unknown as Row;
  }

  /** The highest revision ever given out, as far as deletions are concerned; puts carry theirs. */
  revision(): number {
    return Number(this.meta('revision') ?? 0);
  }

  put(row: Row): void {
    this.#put.run(row.resource, row.namespace, row.name, row.rv, row.json);
  }

  delete(resource: string, namespace: string, name: string, rv: number): void {
    this.#db.exec('BEGIN');
    this.#delete.run(resource, namespace, name);
    this.#revision.run(String(rv));
    this.#db.exec('COMMIT');
  }

  meta(key: string): string | undefined {
    return this.#db.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.value as string | undefined;
  }

  setMeta(key: string, value: string): void {
    this.#db
      .prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value')
      .run(key, value);
  }

  close(): void {
    this.#db.close();
  }
}

const schema = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, rv INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  -- The lock is taken by the first write, and kept.
  INSERT INTO meta (key, value) VALUES ('opened', '1') ON CONFLICT DO UPDATE SET value = value + 1;
`;

/** Two servers on one state would each believe their own memory. */
function openExclusively(database: DatabaseSync, dir: string): void {
  try {
    database.exec(schema);
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== 5) throw error;
    throw new Error(`another process serves the cluster in ${dir}; stop it, or choose another directory`, {
      cause: error,
    });
  }
}
