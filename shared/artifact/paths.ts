import { ArtifactError } from './errors.ts';

/** How long a path and a name in it may be, in bytes: what Linux opens. */
const maxPath = 4095;
const maxName = 255;

/**
 * Throws unless `path` stays within the directory it is put into, on every consumer: relative, no `..`, no empty name, no
 * NUL, and no backslash, which Flux's consumers refuse in archives.
 */
export function checkPath(path: string): void {
  const problem = problemOf(path);
  if (!problem) return;
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
  throw new ArtifactError('UnsafePath', `${shown} cannot be part of an artifact: ${problem}`);
}

function problemOf(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (path.startsWith('/')) return 'it is absolute';
  if (path.includes('\0')) return 'it holds a NUL character';
  if (path.includes('\\')) return 'it holds a backslash; rename the file, or leave it out by spec.ignore';
  if (Buffer.byteLength(path) > maxPath) return `it is longer than ${maxPath} bytes`;
  for (const name of path.split('/')) {
    if (name === '' || name === '.') return 'it holds an empty name';
    if (name === '..') return 'it leads out of the artifact';
    if (Buffer.byteLength(name) > maxName) return `it holds a name longer than ${maxName} bytes`;
  }
  return undefined;
}
