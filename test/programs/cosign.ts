/** Sigstore's own cosign, to sign what ours verifies, and to verify what ours takes for well signed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failure, goProgram, installProgram, type Say } from './install.ts';

const execute = promisify(execFile);
const folder = join(import.meta.dirname, 'cosign');

/** Runs cosign in `cwd`, which is its home, too; answers what it said. Throws with that when it fails. */
export type Cosign = (cwd: string, ...args: string[]) => Promise<string>;

/** Builds cosign once per version, in some minutes. */
export async function installCosign(say?: Say): Promise<Cosign> {
  const program = goProgram('github.com/sigstore/cosign/v3/cmd/cosign', 'github.com/sigstore/cosign/v3');
  const command = await installProgram({ prefix: 'sources', name: 'cosign', folder }, program, say);
  return async (cwd, ...args) => {
    const env = { PATH: process.env.PATH, HOME: cwd, COSIGN_PASSWORD: '', COSIGN_YES: 'true' };
    try {
      const { stdout, stderr } = await execute(command, args, { cwd, env, timeout: 180_000 });
      return `${stdout}\n${stderr}`;
    } catch (error) {
      throw failure('cosign', args, error);
    }
  };
}
