import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { HeldLetter, HeldLetters } from '../aws/sqs-dead-letters.ts';
import { deadLetterQueues } from '../ports/dead-letters.ts';
import { messageOfError } from '../reconcile/errors.ts';
import type { Io } from './command.ts';

const File: z.ZodType<HeldLetter[]> = z.array(
  z.object({
    id: z.string(),
    queue: z.enum(deadLetterQueues),
    group: z.string(),
    body: z.string(),
    sentAt: z.number(),
    handle: z.string(),
    until: z.number(),
  }),
);

/**
 * The dead letters that a command has received from an installation's queues (`urls`, which tell it from others), kept for the next command in a file of
 * the user's cache directory that nobody else can read. A file that cannot be read holds nothing: the letters turn up again in their queue.
 */
export function heldLetters(io: Io, urls: string[]): HeldLetters {
  const { XDG_CACHE_HOME, HOME } = io.env;
  const dir = join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'sluice');
  const file = join(dir, `dead-letters-${createHash('sha256').update(urls.join()).digest('hex').slice(0, 16)}.json`);
  let warned = false;
  return {
    load() {
      try {
        return File.parse(JSON.parse(readFileSync(file, 'utf8')));
      } catch {
        return [];
      }
    },
    save(letters) {
      try {
        if (letters.length === 0) return rmSync(file, { force: true });
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        const fresh = `${file}.${process.pid}`;
        writeFileSync(fresh, JSON.stringify(letters), { mode: 0o600 });
        renameSync(fresh, file);
      } catch (error) {
        if (!warned)
          io.err(
            `warning: what was found cannot be kept for the next command (${messageOfError(error)}); that finds it in 15 minutes, or set XDG_CACHE_HOME to a directory that can be written`,
          );
        warned = true;
      }
    },
  };
}
