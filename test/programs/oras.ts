/** The ORAS project's own oras, to push what ours pulls. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failure, goProgram, installProgram, type Say } from './install.ts';

const execute = promisify(execFile);
const folder = join(import.meta.dirname, 'oras');

/** Runs oras in `cwd`, which is its home, too; answers what it said. Throws with that when it fails. */
export type Oras = (cwd: string, ...args: string[]) => Promise<string>;

/** Builds oras once per version. */
export async function installOras(say?: Say): Promise<Oras> {
  const program = goProgram('oras.land/oras/cmd/oras', 'oras.land/oras');
  const command = await installProgram({ prefix: 'sources', name: 'oras', folder }, program, say);
  return async (cwd, ...args) => {
    const env = { PATH: process.env.PATH, HOME: cwd };
    try {
      return (await execute(command, args, { cwd, env, timeout: 180_000 })).stdout;
    } catch (error) {
      throw failure('oras', args, error);
    }
  };
}
