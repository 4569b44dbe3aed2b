/** The functions as they are uploaded: one folder each, with everything they import. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Names of the functions: the folders under functions/ that have a handler. */
export const functionNames = readdirSync(join(root, 'functions'), { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(entry => entry.name)
  .sort();

/** What some of the bundled packages need: they were written for CommonJS, where `require` and `__dirname` are there. */
const requireBanner =
  "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);\nconst dirnameOfBundle = import.meta.dirname;";

/**
 * Bundles the functions into `outdir`, one folder a function: `index.mjs` exports `handler`; what is imported later, when it
 * is needed, lies in files beside it, so that a cold start does not read it. Returns the folders by the function's name.
 * Throws what esbuild reports.
 */
export async function bundleFunctions(
  outdir: string,
  names: readonly string[] = functionNames,
): Promise<Record<string, string>> {
  rmSync(outdir, { recursive: true, force: true });
  const folders = names.map(name => [name, join(outdir, name)] as const);
  await Promise.all(folders.map(([name, folder]) => bundle(name, folder)));
  return Object.fromEntries(folders);
}

async function bundle(name: string, folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: { index: join('functions', name, 'handler.ts') },
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    splitting: true,
    outExtension: { '.js': '.mjs' },
    // Picks ports-aws.ts for `#ports`.
    conditions: ['aws'],
    mainFields: ['module', 'main'],
    banner: { js: requireBanner },
    define: { __dirname: 'dirnameOfBundle' },
    minify: true,
    // Classes are told apart by `code`, but their names stand in logs.
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    // Native parts that ssh2 looks for and does without.
    external: ['cpu-features', '*.node'],
    plugins: [noClientOfEveryKind],
    logLevel: 'warning',
  });
}

/**
 * Of client-node only the reading of kubeconfigs is used, but one file of it names a class for every kind there is: 3.5 MB,
 * and ten seconds of bundling. In its place stand the two files that the reading takes from it.
 */
const noClientOfEveryKind: Plugin = {
  name: 'no-client-of-every-kind',
  setup(setup) {
    setup.onLoad({ filter: /[/\\]@kubernetes[/\\]client-node[/\\]dist[/\\]gen[/\\]index\.js$/ }, () => ({
      contents: "export { createConfiguration } from './configuration.js';\nexport * from './servers.js';\n",
    }));
  },
};

/** Bytes of a bundle without its source maps: what a cold start may have to read. */
export function bundleBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.mjs'))
    .reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}
