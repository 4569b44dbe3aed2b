import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { HttpClient } from '../../network/http.ts';
import { bundleKeyless, pushBundle, statement } from './testing/cosign-signer.ts';
import { MemoryRegistry } from './testing/memory-registry.ts';
import { issue, pushEnvelope, signCose } from './testing/notary.ts';
import { certificateFile, policy } from './testing/notation-attempt.ts';
import { PrivateSigstore } from './testing/sigstore.ts';

let dir: string;
let bundled: typeof import('./verify.ts');
const http = new HttpClient();
const clock = { now: () => Date.now() };

/** As the functions are bundled: packages that were written for CommonJS come out with other exports than in Node. */
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-bundled-'));
  await build({
    entryPoints: [join(import.meta.dirname, 'verify.ts')],
    outdir: dir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    outExtension: { '.js': '.mjs' },
    banner: { js: "import { createRequire as make } from 'node:module';\nconst require = make(import.meta.url);" },
    logLevel: 'silent',
  });
  bundled = await import(pathToFileURL(join(dir, 'verify.mjs')).href);
});
after(() => {
  http.close();
  rmSync(dir, { recursive: true, force: true });
});

test('cosign without keys is verified in a bundle', async () => {
  const sigstore = await PrivateSigstore.create();
  const registry = new MemoryRegistry();
  const descriptor = registry.artifact('x');
  pushBundle(registry, descriptor, bundleKeyless(sigstore, await sigstore.certificate(), statement(descriptor.digest)));
  const { result } = await bundled.verifyOciSignature({
    registry,
    descriptor,
    reference: registry.name,
    provider: 'cosign',
    trustedRoot: sigstore.trustedRoot,
    matchOIDCIdentity: [{ issuer: '', subject: '^https://ci' }],
    http,
    clock,
  });
  assert.equal(result, 'verified');
});

test('notation is verified in a bundle', async () => {
  const root = await issue({ ca: true });
  const registry = new MemoryRegistry();
  const descriptor = registry.artifact('x');
  pushEnvelope(registry, descriptor, await signCose(await issue({}, root), descriptor), 'application/cose');
  const { result } = await bundled.verifyOciSignature({
    registry,
    descriptor,
    reference: registry.name,
    provider: 'notation',
    keys: [policy(), certificateFile(root.chain[0]!)],
    http,
    clock,
  });
  assert.equal(result, 'verified');
});
