import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepository } from './reference.ts';

const names: [url: string, expected: string | RegExp, local?: boolean][] = [
  ['oci://ghcr.io/stefanprodan/manifests/podinfo', 'ghcr.io stefanprodan/manifests/podinfo'],
  ['ghcr.io/org/app', 'ghcr.io org/app'],
  ['oci://GHCR.io/org/app', 'ghcr.io org/app'],
  ['oci://registry.example.com:5000/app', 'registry.example.com:5000 app'],
  ['oci://localhost/app', 'localhost app', true],
  ['oci://localhost:5000/app', 'localhost:5000 app', true],
  ['oci://registry.local:5000/app', 'registry.local:5000 app', true],
  ['oci://192.168.1.2/app', '192.168.1.2 app', true],
  ['oci://172.32.0.1/app', '172.32.0.1 app'],
  ['oci://[::1]:5000/app', '[::1]:5000 app', true],
  ['oci://docker.io/alpine', 'index.docker.io library/alpine'],
  ['oci://alpine', 'index.docker.io library/alpine'],
  ['oci://org/app', 'index.docker.io org/app'],
  ['oci://registry-1.docker.io/bitnamicharts/nginx', 'index.docker.io bitnamicharts/nginx'],
  ['oci://ghcr.io/org/app:v1', /must not contain a tag or digest; remove ':v1' and use spec\.ref/],
  [`oci://ghcr.io/org/app@sha256:${'a'.repeat(64)}`, /must not contain a tag or digest/],
  ['oci://ghcr.io/Org/app', /lower-case/],
  ['oci://ghcr.io/', /lower-case/],
  ['oci://ghcr.io', 'index.docker.io library/ghcr.io'],
  ['oci://ghcr.io/org//app', /lower-case/],
  ['oci://ghcr.io/../app', /lower-case/],
  ['oci://ghcr.io/org/app?x=y', /lower-case/],
  ['oci://user:pass@ghcr.io/org/app', /is not a host/],
  ['oci://ghcr.io:99999/org/app', /is not a host/],
  ['oci://0x7f.1/org/app', /is not a host/],
  ['oci://a b.io/org/app', /is not a host/],
  [`oci://ghcr.io/${'a'.repeat(256)}`, /lower-case/],
];
for (const [url, expected, local = false] of names)
  test(`${url.slice(0, 60)}`, () => {
    if (expected instanceof RegExp) {
      assert.throws(() => parseRepository(url), { code: 'InvalidReference', message: expected });
      return;
    }
    const name = parseRepository(url);
    assert.deepEqual([`${name.host} ${name.repository}`, name.local], [expected, local]);
  });
