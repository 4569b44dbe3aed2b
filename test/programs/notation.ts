/** The Notary Project's own notation, to sign what ours verifies. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failure, goProgram, installProgram, type Say } from './install.ts';

const execute = promisify(execFile);
const folder = join(import.meta.dirname, 'notation');

/** Runs notation with its configuration under `home`; answers what it said. Throws with that when it fails. */
export type Notation = (home: string, ...args: string[]) => Promise<string>;

/** Builds notation once per version. */
export async function installNotation(say?: Say): Promise<Notation> {
  const program = goProgram('github.com/notaryproject/notation/cmd/notation', 'github.com/notaryproject/notation');
  const command = await installProgram({ prefix: 'sources', name: 'notation', folder }, program, say);
  return async (home, ...args) => {
    const env = { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: join(home, 'config') };
    try {
      const { stdout, stderr } = await execute(command, args, { cwd: home, env, timeout: 180_000 });
      return `${stdout}\n${stderr}`;
    } catch (error) {
      throw failure('notation', args, error);
    }
  };
}
