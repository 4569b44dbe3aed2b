import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChartFiles } from './chart-file.ts';
import { ChartError } from './errors.ts';
import { helmIgnore, helmIgnoreName } from './helmignore.ts';
import { maxChartFileSize, maxChartFiles, maxUnpackedSize } from './limits.ts';

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The files of a chart that lies in a directory (which holds no links: see extractArchive), without what its .helmignore
 * leaves out. Throws ChartError.
 */
export async function readChartDirectory(dir: string): Promise<ChartFiles> {
  const rules = await readFile(join(dir, helmIgnoreName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const ignored = helmIgnore(rules);
  const files: ChartFiles = new Map();
  let size = 0;
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(dir, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (ignored(path, entry.isDirectory())) continue;
      if (entry.isDirectory()) {
        await walk(path);
        continue;
      }
      if (!entry.isFile()) throw new ChartError('InvalidChart', `cannot load irregular file ${path}`);
      const info = await stat(join(dir, path));
      if (info.size > maxChartFileSize)
        throw new ChartError(
          'TooLarge',
          `cannot load file ${path} as file size (${info.size}) exceeds limit (${maxChartFileSize})`,
        );
      size += info.size;
      if (size > maxUnpackedSize)
        throw new ChartError('TooLarge', `the chart holds more than ${maxUnpackedSize} bytes`);
      if (files.size >= maxChartFiles)
        throw new ChartError('TooLarge', `the chart holds more than ${maxChartFiles} files`);
      const content = await readFile(join(dir, path));
      files.set(path, content.subarray(0, 3).equals(byteOrderMark) ? content.subarray(3) : content);
    }
  };
  await walk('');
  return files;
}
