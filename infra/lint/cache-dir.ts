import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what is installed once per version lies: `$XDG_CACHE_HOME/sluice`, or `~/.cache/sluice`. */
export function cacheDir(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice');
}
