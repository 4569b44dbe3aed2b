import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a small file: readers see the old content or the new, never half of it, and the new one survives a power cut.
 * Directories are made for the owner alone.
 */
export async function writeFileAtomically(path: string, text: string, mode = 0o600): Promise<void> {
  await withIncoming(path, text, mode, incoming => rename(incoming, path));
}

/** The same for a file that must not be there yet. False, and nothing written, when it is. */
export async function createFileAtomically(path: string, text: string, mode = 0o600): Promise<boolean> {
  try {
    await withIncoming(path, text, mode, async incoming => {
      // A link, unlike a rename, fails when the name is taken.
      await link(incoming, path);
      await rm(incoming);
    });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function withIncoming(path: string, text: string, mode: number, place: (incoming: string) => Promise<void>) {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const incoming = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(incoming, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await place(incoming);
  } catch (error) {
    await rm(incoming, { force: true });
    throw error;
  }
}
