import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretId } from './secrets-manager-names.ts';

const id = (name: string) => secretId('sluice/main/', name);

test('common names stay readable', () => {
  for (const name of ['cluster/east', 'cluster-1_a.b@c+d', 'A', '..']) assert.equal(id(name), `sluice/main/${name}`);
});

test('others are escaped, and no two names meet', () => {
  assert.equal(id('a b'), 'sluice/main/a=20b');
  assert.equal(id('a=20b'), 'sluice/main/a=3D20b');
  assert.equal(id('é🚀'), 'sluice/main/=C3=A9=F0=9F=9A=80');
  assert.equal(id(''), 'sluice/main/=');
  assert.equal(id('='), 'sluice/main/=3D');
  for (const name of ['a\nb', 'a:b', 'ключ', '"', '\u0000']) assert.match(id(name), /^[A-Za-z0-9/_+=.@-]+$/);
});

test('what is too long, also by its escapes, is refused', () => {
  assert.equal(id('n'.repeat(500)).length, 512);
  for (const name of ['n'.repeat(501), 'é'.repeat(84), 'n\uD800'])
    assert.throws(() => id(name), { code: 'InvalidSecretName' });
});
