import { readFileSync } from 'node:fs';
import { isMap, LineCounter, type Node, parseDocument } from 'yaml';
import { conflictsOf } from './config-conflicts.ts';
import { explainAll } from './config-errors.ts';
import { Config } from './config-schema.ts';
import { Problems } from './problems.ts';

export { Config } from './config-schema.ts';

/** The configuration is not one: every fault of the file, one a line. */
export class ConfigError extends Problems {
  readonly code = 'ConfigInvalid';
  override readonly name = 'ConfigError';
}

/** Where the configuration is looked for when none is named; it need not be there. */
export const defaultConfigFile = 'sluice.yaml';

/**
 * The configuration of a file; without one, that of `sluice.yaml` in the working directory, or the defaults when there is
 * none. Throws a ConfigError that names file, line, option and what to do, for all faults at once.
 */
export function loadConfig(file?: string): Config {
  const path = file ?? defaultConfigFile;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return Config.parse({});
    throw new ConfigError([`${path}: cannot be read: ${(error as Error).message}`]);
  }
  return parseConfig(text, path);
}

/** Parses the text of a configuration; `file` is its name in errors. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, maxAliasCount: 100 } as never);
  const at = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  if (document.errors.length > 0)
    throw new ConfigError(document.errors.map(error => `${at(error.pos[0])}: ${error.message}`));
  const value: unknown = document.toJS() ?? {};
  const parsed = Config.safeParse(value);
  const problems = parsed.success ? conflictsOf(parsed.data) : explainAll(parsed.error, value);
  if (problems.length > 0)
    throw new ConfigError(
      problems.map(({ path, message }) => {
        const offset = offsetOf(document.contents, path);
        const where = offset === undefined ? file : at(offset);
        return path.length > 0 ? `${where}: ${path.join('.')}: ${message}` : `${where}: ${message}`;
      }),
    );
  return parsed.data!;
}

/** Where in the text an option stands: itself, or what is nearest above it. */
function offsetOf(contents: Node | null, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = contents;
  let offset = contents?.range?.[0];
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => String((item.key as { value?: unknown } | null)?.value) === String(part));
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
      continue;
    }
    const item = (node as { items?: Node[] } | null)?.items?.[Number(part)];
    if (!item) return offset;
    offset = item.range?.[0] ?? offset;
    node = item;
  }
  return offset;
}
