import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../api/object.ts';
import { type BuildSpec, buildKey } from './build.ts';
import { build, configMap, failing, kustomization, names } from './testing/source.ts';

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: registry.example.com/web:1.0}
`;
const imageOf = (objects: KubeObject[]) => objects[0]?.spec.template.spec.containers[0].image;

describe('a directory without a kustomization', () => {
  it('takes in all YAML files below, and nothing else', async () => {
    const objects = await build({
      'b.yaml': configMap('b'),
      'a.yml': configMap('a'),
      'sub/deep/c.yaml': configMap('c'),
      'README.md': '# not YAML',
      'notes.txt': 'hello',
      'data.json': '{}',
      '.hidden.yaml': configMap('hidden'),
    });
    assert.deepEqual(names(objects), ['a', 'b', 'c', 'hidden']);
  });

  it('takes a directory with a kustomization as a whole', async () => {
    const objects = await build({
      'a.yaml': configMap('a'),
      'sub/kustomization.yaml': kustomization({ resources: ['in.yaml'], namePrefix: 'x-' }),
      'sub/in.yaml': configMap('in'),
      'sub/out.yaml': configMap('out'),
    });
    assert.deepEqual(names(objects), ['a', 'x-in']);
  });

  it('gives nothing for a directory without manifests', async () => {
    assert.deepEqual(await build({ 'README.md': 'x' }), []);
    assert.deepEqual(await build({ 'README.md': 'x' }, { targetNamespace: 'apps' }), []);
  });

  it('names the file that is no manifest', async () => {
    await failing(
      build({ 'a.yaml': configMap('a'), 'values.yaml': 'replicas: 1\n' }),
      /^values\.yaml: document 1 has no apiVersion; every object needs one; move what is no manifest out/,
    );
    await failing(build({ 'broken.yaml': 'a: [\n' }), /^broken\.yaml: document 1: .* at line 2/);
  });

  it('takes lists apart, and reads values as kustomize does', async () => {
    const list = {
      apiVersion: 'v1',
      kind: 'List',
      items: [1, 2].map(n => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `l${n}` } })),
    };
    const objects = await build({
      'list.yaml': JSON.stringify(list),
      'values.yaml': configMap('values', 'data:\n  quoted: "0777"\n  yes: "yes"\nother: {octal: 0777, word: yes}\n'),
    });
    assert.deepEqual(names(objects), ['l1', 'l2', 'values']);
    assert.deepEqual(objects[2]?.data, { quoted: '0777', yes: 'yes' });
    assert.deepEqual(objects[2]?.other, { octal: 511, word: 'yes' });
  });
});

describe('the path', () => {
  const files = { 'apps/web/a.yaml': configMap('a'), 'other.yaml': configMap('other') };
  for (const path of ['apps/web', './apps/web', '/apps/web', 'apps/web/', 'apps//web', '../apps/web', 'x/../apps/web'])
    it(`${path} is the directory of the source`, async () => {
      assert.deepEqual(names(await build(files, {}, path)), ['a']);
    });
  for (const path of ['', '.', './', '/', '../..']) {
    it(`"${path}" is the root`, async () => assert.deepEqual(names(await build(files, {}, path)), ['a', 'other']));
  }
  for (const [path, message] of [
    ['nope', /kustomization path not found.*"nope" is not in the source/],
    ['other.yaml', /"other\.yaml" is not a directory/],
  ] as const)
    it(`${path} is refused as a fault of the source`, async () => {
      await assert.rejects(build(files, {}, path), { code: 'ArtifactFailed', message });
    });
});

describe('the spec is merged in', () => {
  it('namespace, prefix and suffix, which win over the file', async () => {
    const objects = await build(
      {
        'kustomization.yaml': kustomization({
          resources: ['a.yaml'],
          namespace: 'file',
          namePrefix: 'f-',
          nameSuffix: '-f',
        }),
        'a.yaml': configMap('a'),
      },
      { targetNamespace: 'spec', namePrefix: 's-', nameSuffix: '-s' },
    );
    assert.deepEqual(objects[0]?.metadata, { name: 's-a-s', namespace: 'spec' });
  });

  it('patches, after those of the file', async () => {
    const patch = (value: string) => JSON.stringify([{ op: 'add', path: '/metadata/annotations/x', value }]);
    const target = { kind: 'ConfigMap' };
    const objects = await build(
      {
        'kustomization.yaml': kustomization({ resources: ['a.yaml'], patches: [{ patch: patch('file'), target }] }),
        'a.yaml': configMap('a', '  annotations: {}\n'),
      },
      { patches: [{ patch: patch('spec'), target }, { patch: `${configMap('a')}data: {merged: "yes"}` }] },
    );
    assert.deepEqual([objects[0]?.metadata.annotations, objects[0]?.data], [{ x: 'spec' }, { merged: 'yes' }]);
  });

  const name = 'registry.example.com/web';
  const images: [string, unknown[] | undefined, BuildSpec['images'], string][] = [
    ['a new tag', undefined, [{ name, newTag: '2' }], `${name}:2`],
    ['a digest', undefined, [{ name, digest: 'sha256:abc' }], `${name}@sha256:abc`],
    ['a new name, the file’s tag kept', [{ name, newTag: '3' }], [{ name, newName: 'other/web' }], 'other/web:3'],
    ['a tag takes the file’s digest away', [{ name, digest: 'sha256:abc' }], [{ name, newTag: '2' }], `${name}:2`],
    [
      'a digest takes the file’s tag away',
      [{ name, newTag: '2' }],
      [{ name, digest: 'sha256:abc' }],
      `${name}@sha256:abc`,
    ],
    ['the file’s name, the spec’s tag', [{ name, newName: 'other/web' }], [{ name, newTag: '2' }], 'other/web:2'],
    ['another image of the file stays', [{ name, newTag: '9' }], [{ name: 'else', newTag: '2' }], `${name}:9`],
  ];
  for (const [title, file, spec, expected] of images)
    it(`images: ${title}`, async () => {
      const fields = { resources: ['d.yaml'], ...(file ? { images: file } : {}) };
      const files = { 'kustomization.yaml': kustomization(fields), 'd.yaml': deployment };
      assert.equal(imageOf(await build(files, { images: spec })), expected);
    });

  const component = JSON.stringify({
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    nameSuffix: '-c',
  });
  it('components, relative to the path, also beside it', async () => {
    const files = { 'apps/a.yaml': configMap('a'), 'components/c/kustomization.yaml': component };
    assert.deepEqual(names(await build(files, { components: ['../components/c'] }, 'apps')), ['a-c']);
  });

  it('components that are missing: an error, or left out', async () => {
    const files = { 'a.yaml': configMap('a') };
    await failing(build(files, { components: ['nope'] }), /components\[0\]: nope is not in the source/);
    assert.deepEqual(names(await build(files, { components: ['nope'], ignoreMissingComponents: true })), ['a']);
  });

  for (const address of [
    'https://example.com/c',
    'github.com/o/r//c',
    'git@example.com:o/r',
    '/etc',
    'file:///etc',
    'ssh://x/y',
  ])
    it(`components: ${address} is no path of the source`, async () => {
      await failing(build({ 'a.yaml': configMap('a') }, { components: [address] }), /must be a path within the source/);
    });

  it('buildMetadata', async () => {
    const [object] = await build({ 'a.yaml': configMap('a') }, { buildMetadata: ['originAnnotations'] });
    assert.equal(object?.metadata.annotations?.['config.kubernetes.io/origin'], 'path: a.yaml\n');
  });

  it('ignores fields that no kustomization has, as Flux does', async () => {
    const files = {
      'kustomization.yaml': kustomization({ resources: ['a.yaml'], resource: ['x'] }),
      'a.yaml': configMap('a'),
    };
    assert.deepEqual(names(await build(files)), ['a']);
  });
});

describe('what a kustomization may name', () => {
  it('files of every field, in and beside its directory', async () => {
    const files: Record<string, string> = {
      'shared/patch.yaml': `${configMap('a')}data: {patched: "yes"}`,
      'shared/ops.yaml': JSON.stringify([{ op: 'add', path: '/data/ops', value: 'yes' }]),
      'shared/app.properties': 'x=1\n',
      'shared/app.env': 'E=1\n',
      'shared/extra.yaml': configMap('extra'),
      'apps/web/a.yaml': configMap('a', 'data: {}\n'),
      'apps/web/kustomization.yaml': kustomization({
        resources: ['a.yaml', '../../shared/extra.yaml', '../base'],
        patches: [{ path: '../../shared/patch.yaml' }, { path: '../../shared/ops.yaml', target: { name: 'a' } }],
        configMapGenerator: [
          {
            name: 'g',
            files: ['../../shared/app.properties', 'key=../../shared/app.env'],
            envs: ['../../shared/app.env'],
          },
        ],
        generatorOptions: { disableNameSuffixHash: true },
      }),
      'apps/base/kustomization.yml': kustomization({ resources: ['b.yaml'] }),
      'apps/base/b.yaml': configMap('b'),
    };
    const objects = await build(files, {}, 'apps/web');
    assert.deepEqual(names(objects).toSorted(), ['a', 'b', 'extra', 'g']);
    const data = Object.fromEntries(objects.map(object => [object.metadata.name, object.data]));
    assert.deepEqual(data.a, { patched: 'yes', ops: 'yes' });
    assert.deepEqual(data.g, { 'app.properties': 'x=1\n', key: 'E=1\n', E: '1' });
  });

  it('plugins’ configurations: inline ones, which come first, in files and from directories', async () => {
    const transformer = (suffix: string) =>
      `apiVersion: builtin\nkind: SuffixTransformer\nmetadata: {name: ${suffix}}\nsuffix: -${suffix}\nfieldSpecs: [{path: metadata/name}]\n`;
    const objects = await build({
      'kustomization.yaml': kustomization({
        resources: ['a.yaml'],
        generators: ['generator.yaml'],
        transformers: ['one.yaml', transformer('two'), 'more'],
      }),
      'a.yaml': configMap('a'),
      'one.yaml': transformer('one'),
      'more/kustomization.yaml': kustomization({ resources: ['three.yaml'] }),
      'more/three.yaml': transformer('three'),
      'generator.yaml':
        'apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [file.txt]\noptions: {disableNameSuffixHash: true}\n',
      'file.txt': 'text',
    });
    assert.deepEqual(names(objects).toSorted(), ['a-two-one-three', 'g-two-one-three']);
  });

  it('keeps the origin of a file beside the directory', async () => {
    const files = {
      'web/kustomization.yaml': kustomization({ resources: ['../a.yaml'] }),
      'a.yaml': configMap('a'),
    };
    const [object] = await build(files, { buildMetadata: ['originAnnotations'] }, 'web');
    assert.equal(object?.metadata.annotations?.['config.kubernetes.io/origin'], 'path: ../a.yaml\n');
  });

  const refused: [string, Record<string, unknown>, RegExp][] = [
    [
      'a missing file',
      { resources: ['nope.yaml'] },
      /kustomization\.yaml: resources\[0\]: nope\.yaml is not in the source/,
    ],
    [
      'an address',
      { resources: ['https://example.com/a.yaml'] },
      /resources\[0\]: https:\/\/example\.com\/a\.yaml is an address, and builds have no network/,
    ],
    ['a repository', { resources: ['github.com/o/r//kustomize?ref=main'] }, /is an address/],
    ['a repository by ssh', { resources: ['git@github.com:o/r.git'] }, /is an address/],
    ['a repository of another host', { bases: ['gitlab.example.com/o/r?ref=v1'] }, /is an address/],
    ['a repository as a file', { resources: ['file:///srv/repo//x'] }, /is an address/],
    ['an address of a patch', { patches: [{ path: 'https://example.com/p' }] }, /patches\[0\]\.path: .* is an address/],
    [
      'an address in a generator',
      { configMapGenerator: [{ name: 'a', files: ['k=http://127.0.0.1/x'] }] },
      /configMapGenerator\[0\]\.files\[0\]: .* is an address/,
    ],
    ['an address of a schema', { openapi: { path: 'http://169.254.169.254/' } }, /openapi\.path: .* is an address/],
    ['an absolute path', { resources: ['/etc/passwd'] }, /\/etc\/passwd is an absolute path/],
    ['a path above the source', { resources: ['../../x'] }, /lies outside of the source/],
    [
      'a generator’s path above the source',
      { secretGenerator: [{ name: 'a', files: ['../../../etc/passwd'] }] },
      /lies outside of the source/,
    ],
    [
      'an absolute path of a transformer',
      { transformers: ['apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: /etc/passwd\n'] },
      /\/etc\/passwd is an absolute path/,
    ],
    ['charts', { helmCharts: [{ name: 'x', repo: 'https://example.com' }] }, /helmCharts cannot be built/],
    ['a directory without kustomization', { resources: ['web'] }, /web has no kustomization\.yaml/],
    ['a directory as a patch', { patches: [{ path: 'web' }] }, /web is a directory, where a file is expected/],
    ['a file as a component', { components: ['web/a.yaml'] }, /web\/a\.yaml is a file, where a directory is expected/],
  ];
  for (const [title, fields, message] of refused)
    it(`refuses ${title}`, async () => {
      const files = { 'kustomization.yaml': kustomization(fields), 'web/a.yaml': configMap('a') };
      await failing(build(files), message);
    });

  it('refuses a kustomization that is no YAML, or several', async () => {
    await failing(build({ 'kustomization.yaml': 'resources: [' }), /^kustomization\.yaml: document 1/);
    await failing(build({ 'kustomization.yaml': '- a' }), /kustomization\.yaml is no map/);
    await failing(build({ 'kustomization.yaml': 'a: b\n---\nc: d\n' }), /holds 2 documents/);
  });

  it('tells what kustomize complains of, with paths of the source', async () => {
    const files = {
      'apps/kustomization.yaml': kustomization({ resources: ['a.yaml', 'b.yaml'] }),
      'apps/a.yaml': configMap('a'),
      'apps/b.yaml': configMap('a'),
    };
    await failing(build(files, {}, 'apps'), /kustomize build failed: .*b\.yaml.*already registered id/s);
  });
});

describe('buildKey', () => {
  const spec = { targetNamespace: 'a', images: [{ name: 'x', newTag: '1' }] };
  const key = buildKey('sha256:1', './apps', spec);
  it('is the same for the same input, however written', () => {
    assert.equal(buildKey('sha256:1', 'apps/', { images: [{ name: 'x', newTag: '1' }], targetNamespace: 'a' }), key);
    assert.equal(buildKey('sha256:1', 'apps', { ...spec, interval: '5m', prune: true } as BuildSpec), key);
  });
  const others: [string, string, BuildSpec][] = [
    ['sha256:2', 'apps', spec],
    ['sha256:1', 'other', spec],
    ['sha256:1', 'apps', {}],
    ['sha256:1', 'apps', { ...spec, targetNamespace: 'b' }],
    ['sha256:1', 'apps', { ...spec, images: [{ name: 'x', newTag: '2' }] }],
    ['sha256:1', 'apps', { ...spec, patches: [{ patch: 'x' }] }],
    ['sha256:1', 'apps', { ...spec, components: ['c'] }],
    ['sha256:1', 'apps', { ...spec, ignoreMissingComponents: true }],
    ['sha256:1', 'apps', { ...spec, namePrefix: 'a' }],
    ['sha256:1', 'apps', { ...spec, nameSuffix: 'a' }],
    ['sha256:1', 'apps', { ...spec, buildMetadata: ['originAnnotations'] }],
  ];
  for (const other of others)
    it(`differs for ${JSON.stringify(other)}`, () => assert.notEqual(buildKey(...other), key));
});
