import { homedir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';

/** Where what is installed once per version lies: `$XDG_CACHE_HOME/sluice`, or `~/.cache/sluice`. */
export function cacheDir(): string {
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice');
}
