import assert from 'node:assert/strict';
import { link, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BuildError, buildManifests } from './build.ts';
import { build, configMap, failing, kustomization, names, source, viaKustomize } from './testing/source.ts';

describe('the source is all there is', () => {
  it('links that lead out are refused, as file, directory and path', async () => {
    const outside = await source({
      'secret.yaml': configMap('secret'),
      'kustomization.yaml': kustomization({ resources: ['secret.yaml'] }),
    });
    const cases: [string, string, Record<string, unknown>][] = [
      ['secret.yaml', 'link.yaml', { resources: ['link.yaml'] }],
      ['.', 'linked', { resources: ['linked'] }],
      ['.', 'linked', { resources: ['linked/secret.yaml'] }],
      ['secret.yaml', 'link.txt', { configMapGenerator: [{ name: 'a', files: ['link.txt'] }] }],
    ];
    for (const [target, name, fields] of cases) {
      const { root, workDir } = await source({ 'kustomization.yaml': kustomization(fields) });
      await symlink(join(outside.root, target), join(root, name));
      await failing(buildManifests({ root, workDir, path: '', spec: {} }), /is a link that leads out of the source/);
    }
    const { root, workDir } = await source({});
    await symlink(outside.root, join(root, 'apps'));
    await failing(buildManifests({ root, workDir, path: 'apps', spec: {} }), /is a link that leads out of the source/);
  });

  it('links within the source are followed', async () => {
    const { root, workDir } = await source({
      'shared/a.yaml': configMap('a'),
      'web/kustomization.yaml': kustomization({ resources: ['a.yaml', 'b.yaml'] }),
      'web/real-b.yaml': configMap('b'),
    });
    await symlink('../shared/a.yaml', join(root, 'web/a.yaml'));
    await symlink('real-b.yaml', join(root, 'web/b.yaml'));
    assert.deepEqual(names(await buildManifests({ root, workDir, path: 'web', spec: {} })), ['a', 'b']);
  });

  for (const spec of [{}, viaKustomize])
    it(`paths in a linked directory start from where it really is ${JSON.stringify(spec)}`, async () => {
      const { root, workDir } = await source({
        'bases/web/kustomization.yaml': 'resources: [../common.yaml, own.yaml]\n',
        'bases/common.yaml': configMap('common'),
        'bases/web/own.yaml': configMap('own'),
        'apps/kustomization.yaml': 'resources: [web]\n',
      });
      await symlink('../bases/web', join(root, 'apps/web'));
      await symlink('apps', join(root, 'production'));
      for (const path of ['apps', 'production', 'apps/web']) {
        const objects = await buildManifests({ root, workDir, path, spec });
        assert.deepEqual(
          names(objects),
          ['common', 'own'].map(name => `${spec.namePrefix ?? ''}${name}`),
        );
      }
    });

  it('no request leaves, not even where the checks before do not look', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(request.url ?? '');
      response.end(configMap('remote'));
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const places: Record<string, unknown>[] = [
        { resources: [`${url}/a.yaml`] },
        { bases: [`${url}/a`] },
        { components: [`${url}/a`] },
        { crds: [`${url}/a`] },
        { configurations: [`${url}/a`] },
        { generators: [`${url}/a`] },
        { transformers: [`${url}/a`] },
        { validators: [`${url}/a`] },
        { openapi: { path: `${url}/a` } },
        { patches: [{ path: `${url}/a` }] },
        { patchesStrategicMerge: [`${url}/a`] },
        { patchesJson6902: [{ path: `${url}/a`, target: { version: 'v1', kind: 'ConfigMap', name: 'a' } }] },
        { replacements: [{ path: `${url}/a` }] },
        { configMapGenerator: [{ name: 'a', files: [`${url}/a`] }] },
        { configMapGenerator: [{ name: 'a', envs: [`${url}/a`] }] },
        { configMapGenerator: [{ name: 'a', env: `${url}/a` }] },
        { secretGenerator: [{ name: 'a', files: [`k=${url}/a`] }] },
        { transformers: [`apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: ${url}/a\n`] },
        {
          transformers: [
            `apiVersion: builtin\nkind: PatchStrategicMergeTransformer\nmetadata: {name: p}\npaths: ['${url}/a']\n`,
          ],
        },
        {
          transformers: [
            `apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: p}\nreplacements: [{path: '${url}/a'}]\n`,
          ],
        },
        {
          transformers: [
            `apiVersion: builtin\nkind: ValueAddTransformer\nmetadata: {name: p}\nvalue: x\ntargetFilePath: ${url}/a\n`,
          ],
        },
        { generators: [`apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: p}\nenvs: ['${url}/a']\n`] },
        { generators: [`apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: p}\nfiles: ['${url}/a']\n`] },
      ];
      for (const fields of places)
        await assert.rejects(
          build({
            'kustomization.yaml': kustomization({ resources: ['a.yaml'], ...fields }),
            'a.yaml': configMap('a'),
          }),
          BuildError,
          JSON.stringify(fields),
        );
      assert.deepEqual(requests, []);
    } finally {
      server.close();
    }
  });

  it('the process knows nothing of our environment', async () => {
    const { root, workDir } = await source({ 'a.yaml': configMap('a') });
    const spy = join(workDir, 'spy');
    await writeFile(spy, '#!/bin/sh\nexport -p >&2\nexit 1\n', { mode: 0o755 });
    process.env.SLUICE_TEST_SECRET = 'hunter2';
    try {
      await assert.rejects(buildManifests({ root, workDir, path: '', spec: viaKustomize, kubectl: spy }), error => {
        assert.doesNotMatch(String(error), /hunter2|SLUICE_TEST_SECRET/);
        assert.match(String(error), /HTTPS_PROXY/);
        return true;
      });
    } finally {
      delete process.env.SLUICE_TEST_SECRET;
    }
  });
});

describe('the folder of the source', () => {
  it('is not written to, and nothing is left behind', async () => {
    const { root, workDir } = await source({
      'kustomization.yml': kustomization({ resources: ['a.yaml'] }),
      'a.yaml': configMap('a'),
    });
    const listing = async () =>
      Promise.all(
        (await readdir(root))
          .toSorted()
          .map(async name => [name, await readFile(join(root, name), 'utf8'), (await stat(join(root, name))).nlink]),
      );
    const before = await listing();
    await buildManifests({ root, workDir, path: '', spec: { namePrefix: 'x-' } });
    await assert.rejects(buildManifests({ root, workDir, path: '', spec: { components: ['nope'] } }));
    assert.deepEqual(await listing(), before);
    assert.deepEqual(await readdir(workDir), []);
  });

  it('is shared by builds at the same time', async () => {
    const { root, workDir } = await source({ 'a.yaml': configMap('a'), 'b.yaml': configMap('b') });
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        buildManifests({ root, workDir, path: '', spec: { namePrefix: `p${index}-` } }),
      ),
    );
    results.forEach((objects, index) => {
      assert.deepEqual(names(objects), [`p${index}-a`, `p${index}-b`]);
    });
  });

  it('may hold hard links', async () => {
    const { root, workDir } = await source({ 'a.yaml': configMap('a') });
    await link(join(root, 'a.yaml'), join(root, 'copy.txt'));
    assert.deepEqual(names(await buildManifests({ root, workDir, path: '', spec: {} })), ['a']);
  });
});

describe('the process is bounded', () => {
  const slow = async (workDir: string) => {
    const file = join(workDir, 'slow');
    await writeFile(file, '#!/bin/sh\nwhile :; do :; done\n', { mode: 0o755 });
    return file;
  };

  it('in time', async () => {
    const { root, workDir } = await source({ 'a.yaml': configMap('a') });
    const kubectl = await slow(workDir);
    await failing(
      buildManifests({ root, workDir, path: '', spec: viaKustomize, kubectl, timeoutMs: 50 }),
      /took longer than 0\.05s/,
    );
  });

  it('by the signal, with its reason', async () => {
    const { root, workDir } = await source({ 'a.yaml': configMap('a') });
    const kubectl = await slow(workDir);
    const reason = new Error('superseded');
    await assert.rejects(
      buildManifests({ root, workDir, path: '', spec: viaKustomize, kubectl, signal: AbortSignal.abort(reason) }),
      reason,
    );
    const controller = new AbortController();
    const running = buildManifests({ root, workDir, path: '', spec: viaKustomize, kubectl, signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(running, reason);
  });

  it('in what it prints', async () => {
    const { root, workDir } = await source({ 'a.yaml': configMap('a') });
    const kubectl = join(workDir, 'chatty');
    await writeFile(
      kubectl,
      '#!/bin/sh\nwhile :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done\n',
      { mode: 0o755 },
    );
    await failing(
      buildManifests({ root, workDir, path: '', spec: viaKustomize, kubectl, maxOutputBytes: 100_000 }),
      /larger than 100000 bytes/,
    );
  });

  it('says when kubectl cannot be run', async () => {
    await failing(
      build({ 'a.yaml': configMap('a') }, viaKustomize, '', { kubectl: '/nonexistent/kubectl' }),
      /cannot run \/nonexistent\/kubectl/,
    );
  });
});
