import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../ports/clock.ts';
import { type DeadLetter, type DeadLetterQueue, type DeadLetters, deadLetterQueues } from '../ports/dead-letters.ts';
import { laneOf } from './fair-share.ts';
import { openQueueFile, sendStatements } from './queue-sql.ts';
import { patientTransaction } from './sqlite.ts';

/**
 * The dead letters in the file of the queues. All of them can be seen and taken, also while the dead-letter function looks at
 * them: what that does to a message that is no longer there has no effect, since it goes by the handle.
 */
export class SqliteDeadLetters implements DeadLetters {
  readonly #db: DatabaseSync;
  readonly #clock: Clock;

  /** `file` is that of SqliteQueue. Whoever runs the queues may do so meanwhile. */
  constructor(file: string, clock: Clock) {
    this.#db = openQueueFile(file, 'FULL');
    this.#clock = clock;
  }

  async find(queues: readonly DeadLetterQueue[]) {
    const select = this.#db.prepare('SELECT id, grp, body, sent_at FROM messages WHERE queue = ? ORDER BY grp, seq');
    const letters = deadLetterQueues
      .filter(queue => queues.includes(queue))
      .flatMap(queue =>
        (select.all(`${queue}-dlq`) as unknown as Row[])
          .map(({ id, grp, body, sent_at }) => ({
            id,
            queue,
            group: queue === 'timer' ? '' : grp,
            body,
            sentAt: sent_at,
          }))
          .sort((a, b) => a.sentAt - b.sentAt),
      );
    return { letters, hidden: 0 };
  }

  /** Moves it in one transaction, to the end of its group: those of it that are in flight have to be the first. */
  resend({ id, queue }: DeadLetter): Promise<boolean> {
    const take = this.#db.prepare('DELETE FROM messages WHERE queue = ? AND id = ? RETURNING grp, body');
    const { message, group } = sendStatements(this.#db);
    return patientTransaction(this.#db, () => {
      const row = take.get(`${queue}-dlq`, id) as Pick<Row, 'grp' | 'body'> | undefined;
      if (!row) return false;
      this.#settle(queue, row.grp);
      const now = this.#clock.now();
      const own = randomUUID();
      message.run(own, queue, row.grp, own, row.body, now);
      group.run(queue, row.grp, now, laneOf(queue, row.grp));
      return true;
    });
  }

  drop({ id, queue }: DeadLetter): Promise<boolean> {
    const remove = this.#db.prepare('DELETE FROM messages WHERE queue = ? AND id = ? RETURNING grp');
    return patientTransaction(this.#db, () => {
      const row = remove.get(`${queue}-dlq`, id) as { grp: string } | undefined;
      if (row) this.#settle(queue, row.grp);
      return row !== undefined;
    });
  }

  close(): void {
    this.#db.close();
  }

  /** A group is there as long as it has messages; when the rest of them come up stays as it is. */
  #settle(queue: DeadLetterQueue, group: string): void {
    this.#db
      .prepare(
        'DELETE FROM groups WHERE queue = ?1 AND grp = ?2 AND NOT EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND grp = ?2)',
      )
      .run(`${queue}-dlq`, group);
  }
}

interface Row {
  id: string;
  grp: string;
  body: string;
  sent_at: number;
}
