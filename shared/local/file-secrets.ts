import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secrets } from '../ports/secrets.ts';
import { escapeSegment } from './key-path.ts';
import { createFileAtomically, writeFileAtomically } from './write-file.ts';

/** Credentials as files that only their owner can read (directory 0700, files 0600). */
export class FileSecrets implements Secrets {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async get(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(name), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async put(name: string, value: string): Promise<void> {
    await this.#closedRoot();
    await writeFileAtomically(this.#path(name), value);
  }

  async create(name: string, value: string): Promise<boolean> {
    await this.#closedRoot();
    return createFileAtomically(this.#path(name), value);
  }

  async delete(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  async #closedRoot(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    // The directory may have been made earlier, or restored from a backup, with other rights.
    await chmod(this.#root, 0o700);
  }

  #path(name: string): string {
    return join(this.#root, escapeSegment(name));
  }
}
