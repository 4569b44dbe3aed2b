import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keyString, type ObjectKey, parseKey } from '../api/object.ts';
import type { Clock } from '../ports/clock.ts';
import type { ClusterRecord, Index, IndexedObject } from '../ports/index.ts';
import { openDatabase, transaction } from './sqlite.ts';

/**
 * The index in one SQLite file. All of it but the cluster registry is rebuilt by a resync, so commits do without an
 * fsync; registering or removing a cluster waits for the disk.
 */
export class SqliteIndex implements Index {
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #sql: Statements;

  /** `file` is made when absent. */
  constructor(file: string, clock: Clock) {
    this.#clock = clock;
    this.#db = openDatabase(file, { schema, version: 1, synchronous: 'NORMAL' });
    const prepared = Object.entries(statements).map(([name, sql]) => [name, this.#db.prepare(sql)]);
    this.#sql = Object.fromEntries(prepared) as Statements;
  }

  async due(before: number, limit: number): Promise<ObjectKey[]> {
    return keys(this.#sql.due.all(before, limit));
  }

  async dependentsOf(key: ObjectKey): Promise<ObjectKey[]> {
    return keys(this.#sql.linked.all('ref', keyString(key)));
  }

  async byHookPath(path: string): Promise<ObjectKey[]> {
    return keys(this.#sql.linked.all('hook', path));
  }

  async byUrl(url: string): Promise<ObjectKey[]> {
    return keys(this.#sql.linked.all('url', url));
  }

  async getObject(key: ObjectKey): Promise<IndexedObject | undefined> {
    const row = this.#sql.get.get(keyString(key)) as ObjectRow | undefined;
    return row && objectOf(row);
  }

  async putObject(object: IndexedObject): Promise<void> {
    const key = keyString(object.key);
    const { dueAt, ...record } = object;
    transaction(this.#db, () => {
      this.#sql.put.run(key, object.key.cluster, dueAt, JSON.stringify(record));
      this.#sql.unlink.run(key);
      for (const ref of object.refs) this.#sql.link.run('ref', ref, key);
      for (const url of object.urls) this.#sql.link.run('url', url, key);
      if (object.hookPath) this.#sql.link.run('hook', object.hookPath, key);
    });
  }

  async removeObject(key: ObjectKey): Promise<void> {
    const text = keyString(key);
    transaction(this.#db, () => {
      this.#sql.remove.run(text);
      this.#sql.unlink.run(text);
      this.#sql.unmark.run(text);
    });
  }

  async *objects(cluster?: string): AsyncIterable<IndexedObject> {
    // In pages, so that neither a long list is held nor a read transaction kept open while the caller works.
    let after = '';
    for (;;) {
      const rows = (cluster === undefined
        ? this.#sql.page.all(after, pageSize)
        : this.#sql.pageOfCluster.all(cluster, after, pageSize)) as unknown as ObjectRow[];
      for (const row of rows) yield objectOf(row);
      if (rows.length < pageSize) return;
      after = rows.at(-1)!.key;
    }
  }

  async setDue(key: ObjectKey, dueAt: number): Promise<void> {
    this.#sql.setDue.run(dueAt, keyString(key));
  }

  async lastStarted(key: ObjectKey): Promise<number> {
    const row = this.#sql.started.get(keyString(key)) as { at: number } | undefined;
    return row?.at ?? 0;
  }

  async markStarted(key: ObjectKey, at: number): Promise<void> {
    this.#sql.mark.run(keyString(key), key.cluster, at);
  }

  async once(id: string, ttlSeconds: number): Promise<boolean> {
    const now = this.#clock.now();
    return this.#sql.once.run(id, now + ttlSeconds * 1000, now).changes > 0;
  }

  async forget(id: string): Promise<void> {
    this.#sql.forget.run(id);
  }

  async cursor(cluster: string, kind: string): Promise<string | undefined> {
    const row = this.#sql.cursor.get(cluster, kind) as { version: string } | undefined;
    return row?.version;
  }

  async setCursor(cluster: string, kind: string, resourceVersion: string | undefined): Promise<void> {
    if (resourceVersion === undefined) this.#sql.dropCursor.run(cluster, kind);
    else this.#sql.setCursor.run(cluster, kind, resourceVersion);
  }

  async clusters(): Promise<ClusterRecord[]> {
    return (this.#sql.clusters.all() as { record: string }[]).map(row => JSON.parse(row.record));
  }

  async cluster(name: string): Promise<ClusterRecord | undefined> {
    const row = this.#sql.cluster.get(name) as { record: string } | undefined;
    return row && JSON.parse(row.record);
  }

  async addCluster(record: ClusterRecord): Promise<boolean> {
    return this.#durably(() => this.#sql.addCluster.run(record.name, JSON.stringify(record)).changes > 0);
  }

  async removeCluster(name: string): Promise<void> {
    this.#durably(() =>
      transaction(this.#db, () => {
        this.#sql.unlinkCluster.run(name);
        for (const table of ['objects', 'marks', 'cursors'])
          this.#db.prepare(`DELETE FROM ${table} WHERE cluster = ?`).run(name);
        this.#sql.removeCluster.run(name);
      }),
    );
  }

  async clear(): Promise<void> {
    transaction(this.#db, () => {
      this.#db.exec('DELETE FROM objects; DELETE FROM links; DELETE FROM marks; DELETE FROM cursors');
    });
  }

  /** Forgets what `once` need not remember any more. */
  expire(): void {
    this.#sql.expireOnce.run(this.#clock.now());
  }

  close(): void {
    this.#db.close();
  }

  #durably<T>(act: () => T): T {
    this.#db.exec('PRAGMA synchronous = FULL');
    try {
      return act();
    } finally {
      this.#db.exec('PRAGMA synchronous = NORMAL');
    }
  }
}

const pageSize = 200;

interface ObjectRow {
  key: string;
  due_at: number;
  record: string;
}

function objectOf(row: ObjectRow): IndexedObject {
  return { ...JSON.parse(row.record), dueAt: row.due_at };
}

function keys(rows: unknown[]): ObjectKey[] {
  return (rows as { key: string }[]).map(row => parseKey(row.key));
}

type Statements = Record<keyof typeof statements, StatementSync>;

const statements = {
  due: 'SELECT key FROM objects WHERE due_at < ? ORDER BY due_at, key LIMIT ?',
  linked: 'SELECT key FROM links WHERE type = ? AND target = ? ORDER BY key',
  get: 'SELECT key, due_at, record FROM objects WHERE key = ?',
  put: 'INSERT INTO objects (key, cluster, due_at, record) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, record = excluded.record',
  remove: 'DELETE FROM objects WHERE key = ?',
  link: 'INSERT INTO links (type, target, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  unlink: 'DELETE FROM links WHERE key = ?',
  unlinkCluster: 'DELETE FROM links WHERE key IN (SELECT key FROM objects WHERE cluster = ?)',
  page: 'SELECT key, due_at, record FROM objects WHERE key > ? ORDER BY key LIMIT ?',
  pageOfCluster: 'SELECT key, due_at, record FROM objects WHERE cluster = ? AND key > ? ORDER BY key LIMIT ?',
  setDue: 'UPDATE objects SET due_at = ? WHERE key = ?',
  started: 'SELECT at FROM marks WHERE key = ?',
  mark: 'INSERT INTO marks (key, cluster, at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET at = excluded.at',
  unmark: 'DELETE FROM marks WHERE key = ?',
  // One statement decides: absent, or expired, and this caller has it.
  once: 'INSERT INTO once (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= ?',
  forget: 'DELETE FROM once WHERE id = ?',
  expireOnce: 'DELETE FROM once WHERE expires_at <= ?',
  cursor: 'SELECT version FROM cursors WHERE cluster = ? AND kind = ?',
  setCursor:
    'INSERT INTO cursors (cluster, kind, version) VALUES (?, ?, ?) ON CONFLICT (cluster, kind) DO UPDATE SET version = excluded.version',
  dropCursor: 'DELETE FROM cursors WHERE cluster = ? AND kind = ?',
  clusters: 'SELECT record FROM clusters ORDER BY name',
  cluster: 'SELECT record FROM clusters WHERE name = ?',
  addCluster: 'INSERT INTO clusters (name, record) VALUES (?, ?) ON CONFLICT DO NOTHING',
  removeCluster: 'DELETE FROM clusters WHERE name = ?',
} as const;

const schema = `
  CREATE TABLE objects (key TEXT PRIMARY KEY, cluster TEXT NOT NULL, due_at INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX objects_by_due ON objects (due_at, key);
  CREATE INDEX objects_by_cluster ON objects (cluster, key);
  CREATE TABLE links (type TEXT NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (type, target, key)) WITHOUT ROWID;
  CREATE INDEX links_by_key ON links (key);
  CREATE TABLE marks (key TEXT PRIMARY KEY, cluster TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE once (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX once_by_time ON once (expires_at);
  CREATE TABLE cursors (cluster TEXT NOT NULL, kind TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (cluster, kind)) WITHOUT ROWID;
  CREATE TABLE clusters (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID`;
