import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openDatabase } from './sqlite.ts';

/**
 * Opens the file of the queues. FULL for what is sent: a push that was accepted survives a power cut. NORMAL for what is
 * received and deleted: after a power cut such a message is delivered again.
 */
export function openQueueFile(file: string, synchronous: 'FULL' | 'NORMAL'): DatabaseSync {
  return openDatabase(file, { schema, version: 2, upgrades, synchronous, blockMs: 0 });
}

export type SendStatements = ReturnType<typeof sendStatements>;
export type ReceiveStatements = Record<ReceiveStatement, StatementSync>;
type ReceiveStatement = keyof typeof receiveSql;

const groupSql = 'INSERT INTO groups (queue, grp, ready_at, lane) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';

export function sendStatements(db: DatabaseSync) {
  return {
    // Taken over when the five minutes of the earlier one are over; otherwise nothing changes.
    dedup: db.prepare(
      'INSERT INTO dedup (queue, id, expires_at) VALUES (?, ?, ?) ON CONFLICT (queue, id) DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= ?',
    ),
    message: db.prepare('INSERT INTO messages (id, queue, grp, dedup, body, sent_at) VALUES (?, ?, ?, ?, ?, ?)'),
    group: db.prepare(groupSql),
  };
}

const receiveSql = {
  anyReady: 'SELECT 1 FROM groups WHERE queue = ? AND ready_at <= ? LIMIT 1',
  ready: 'SELECT grp FROM groups WHERE queue = ? AND ready_at <= ? ORDER BY ready_at LIMIT ?',
  readyOfLane: 'SELECT grp FROM groups WHERE queue = ? AND lane = ? AND ready_at <= ? ORDER BY ready_at LIMIT ?',
  // Skips from lane to lane, however many groups each has.
  readyLanes: `WITH RECURSIVE lanes (lane) AS (
      SELECT min(lane) FROM groups WHERE queue = ?1
      UNION ALL SELECT (SELECT min(lane) FROM groups WHERE queue = ?1 AND lane > lanes.lane) FROM lanes WHERE lane IS NOT NULL)
    SELECT lane FROM lanes WHERE lane IS NOT NULL
      AND EXISTS (SELECT 1 FROM groups WHERE queue = ?1 AND lane = lanes.lane AND ready_at <= ?2)`,
  nextReady: 'SELECT ready_at FROM groups WHERE queue = ? AND ready_at > ? ORDER BY ready_at LIMIT 1',
  head: 'SELECT seq, id, queue, grp, dedup, body, sent_at, first_received_at, receives, pardons FROM messages WHERE queue = ? AND grp = ? ORDER BY seq LIMIT ?',
  take: 'UPDATE messages SET receives = receives + 1, visible_at = ?, handle = ?, first_received_at = coalesce(first_received_at, ?) WHERE seq = ?',
  block: 'UPDATE groups SET ready_at = ? WHERE queue = ? AND grp = ?',
  delete: 'DELETE FROM messages WHERE seq = ? AND queue = ? AND handle = ? RETURNING grp',
  show: 'UPDATE messages SET visible_at = ?, pardons = min(pardons + ?, ?) WHERE seq = ? AND queue = ? AND handle = ? RETURNING grp',
  bury: 'UPDATE messages SET queue = ?, receives = 0, pardons = 0, visible_at = 0, handle = NULL WHERE seq = ?',
  group: groupSql,
  latest:
    'SELECT max(visible_at) AS visible_at FROM (SELECT visible_at FROM messages WHERE queue = ? AND grp = ? ORDER BY seq LIMIT ?)',
  dropGroup: 'DELETE FROM groups WHERE queue = ? AND grp = ?',
  depth: 'SELECT count(*) AS n FROM messages WHERE queue = ?',
} as const;

export function receiveStatements(db: DatabaseSync): ReceiveStatements {
  const prepared = Object.entries(receiveSql).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(prepared) as ReceiveStatements;
}

const schema = `
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, queue TEXT NOT NULL, grp TEXT NOT NULL, dedup TEXT NOT NULL,
    body TEXT NOT NULL, sent_at INTEGER NOT NULL, first_received_at INTEGER, receives INTEGER NOT NULL DEFAULT 0,
    visible_at INTEGER NOT NULL DEFAULT 0, handle TEXT, pardons INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX messages_by_group ON messages (queue, grp, seq);
  CREATE TABLE groups (queue TEXT NOT NULL, grp TEXT NOT NULL, ready_at INTEGER NOT NULL,
    lane TEXT NOT NULL DEFAULT '', PRIMARY KEY (queue, grp)) WITHOUT ROWID;
  CREATE INDEX groups_by_time ON groups (queue, ready_at);
  CREATE INDEX groups_by_lane ON groups (queue, lane, ready_at);
  CREATE TABLE dedup (queue TEXT NOT NULL, id TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (queue, id)) WITHOUT ROWID;
  CREATE INDEX dedup_by_time ON dedup (expires_at)`;

const upgrades = {
  1: `
    ALTER TABLE messages ADD COLUMN pardons INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE groups ADD COLUMN lane TEXT NOT NULL DEFAULT '';
    CREATE INDEX groups_by_lane ON groups (queue, lane, ready_at)`,
};
