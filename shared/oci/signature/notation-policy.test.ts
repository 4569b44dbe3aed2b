import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDistinguishedName } from './distinguished-name.ts';
import { parseTrustPolicy, statementFor } from './notation-policy.ts';

const base = {
  name: 'apps',
  registryScopes: ['*'],
  signatureVerification: { level: 'strict' },
  trustStores: ['ca:apps'],
  trustedIdentities: ['*'],
};
const parse = (...statements: object[]) =>
  parseTrustPolicy(Buffer.from(JSON.stringify({ version: '1.0', trustPolicies: statements })));
const verification = (signatureVerification: object) => ({ ...base, signatureVerification });

const refused: [string, () => unknown, RegExp][] = [
  [
    'no JSON',
    () => parseTrustPolicy(Buffer.from('{')),
    /^error occurred while parsing trustpolicy\.json: it is no JSON$/,
  ],
  ['another version', () => parseTrustPolicy(Buffer.from('{"version":"2.0","trustPolicies":[]}')), /version/],
  ['no statement', () => parse(), /trustPolicies/],
  ['no name', () => parse({ ...base, name: '' }), /name/],
  [
    'a name twice',
    () => parse(base, { ...base, registryScopes: ['a.io/b'] }),
    /the name 'apps' stands for more than one/,
  ],
  ['a scope twice', () => parse(base, { ...base, name: 'x' }), /registry scope '\*' is in more than one statement$/],
  ['no scope', () => parse({ ...base, registryScopes: [] }), /registryScopes/],
  ['all and another', () => parse({ ...base, registryScopes: ['*', 'a.io/b'] }), /'\*' stands for all/],
  ['a scope with a wildcard', () => parse({ ...base, registryScopes: ['a.io/*'] }), /'a\.io\/\*' is no repository/],
  ['a scope with a scheme', () => parse({ ...base, registryScopes: ['oci://a.io/b'] }), /is no repository/],
  ['a scope with a tag', () => parse({ ...base, registryScopes: ['a.io/b:1'] }), /is no repository/],
  ['a host alone', () => parse({ ...base, registryScopes: ['a.io'] }), /is no repository/],
  ['an unknown level', () => parse(verification({ level: 'lax' })), /level/],
  [
    'integrity overridden',
    () => parse(verification({ level: 'audit', override: { integrity: 'log' } })),
    /always enforced/,
  ],
  [
    'expiry skipped',
    () => parse(verification({ level: 'audit', override: { expiry: 'skip' } })),
    /expiry cannot be skipped/,
  ],
  ['an unknown check', () => parse(verification({ level: 'audit', override: { x: 'log' } })), /override/],
  [
    'skip overridden',
    () => parse(verification({ level: 'skip', override: { expiry: 'log' } })),
    /skip cannot be overridden/,
  ],
  ['an unknown time', () => parse(verification({ level: 'strict', verifyTimestamp: 'never' })), /verifyTimestamp/],
  ['no trust store', () => parse({ ...base, trustStores: [] }), /needs both trustStores and trustedIdentities$/],
  ['no identity', () => parse({ ...base, trustedIdentities: undefined }), /needs both/],
  [
    'a trust store without a kind',
    () => parse({ ...base, trustStores: ['apps'] }),
    /trust store 'apps' is not of the form/,
  ],
  ['an unknown kind of store', () => parse({ ...base, trustStores: ['pgp:apps'] }), /is not of the form/],
  [
    'everybody and another',
    () => parse({ ...base, trustedIdentities: ['*', 'x509.subject:C=US,ST=WA,O=a'] }),
    /stands for all/,
  ],
  ['an identity of no kind', () => parse({ ...base, trustedIdentities: ['C=US'] }), /is not of the form x509\.subject/],
  ['an identity without an O', () => parse({ ...base, trustedIdentities: ['x509.subject:C=US,ST=WA'] }), /has no O/],
  [
    'an identity in two',
    () => parse({ ...base, trustedIdentities: ['x509.subject:C=US,ST=WA,O=a', 'x509.subject:C=US,ST=WA,O=a,CN=b'] }),
    /includes another$/,
  ],
];
for (const [name, act, expected] of refused)
  test(`trust policy: ${name}`, () => assert.throws(act, { code: 'InvalidConfiguration', message: expected }));

test('trust policy: a statement that names the repository goes before the one for all', () => {
  const statements = parse(base, { ...base, name: 'one', registryScopes: ['localhost:5000/a/b_c', 'a.io/b'] });
  assert.equal(statementFor(statements, 'a.io/b').name, 'one');
  assert.equal(statementFor(statements, 'localhost:5000/a/b_c').name, 'one');
  assert.equal(statementFor(statements, 'a.io/b/c').name, 'apps');
});

test('trust policy: levels and what overrides them', () => {
  const [strict, permissive, audit, skip, custom] = [
    ...['strict', 'permissive', 'audit', 'skip'].map(level => ({ level })),
    { level: 'strict', override: { revocation: 'skip', expiry: 'log' } },
  ].map(level => parse(verification(level))[0]?.actions);
  const log = { authenticTimestamp: 'log', expiry: 'log', revocation: 'log' };
  const enforce = { authenticTimestamp: 'enforce', expiry: 'enforce', revocation: 'enforce' };
  assert.deepEqual(strict, { integrity: 'enforce', authenticity: 'enforce', ...enforce });
  assert.deepEqual(permissive, { integrity: 'enforce', authenticity: 'enforce', ...log });
  assert.deepEqual(audit, { integrity: 'enforce', authenticity: 'log', ...log });
  assert.equal(skip, undefined);
  assert.deepEqual(custom, {
    integrity: 'enforce',
    authenticity: 'enforce',
    ...enforce,
    revocation: 'skip',
    expiry: 'log',
  });
});

const names: [string, object | RegExp][] = [
  ['C=US, ST=WA, O=example', { C: 'US', ST: 'WA', O: 'example' }],
  ['C=US,S=WA,O=example', { C: 'US', ST: 'WA', O: 'example' }],
  ['C=US,ST=WA,O=a\\, b', { C: 'US', ST: 'WA', O: 'a, b' }],
  ['C=US,ST=WA,O="a, b"', { C: 'US', ST: 'WA', O: 'a, b' }],
  ['C=US,ST=WA,O=B\\C3\\BCro', { C: 'US', ST: 'WA', O: 'Büro' }],
  ['C=US,ST=WA,O=a\\+b=c', { C: 'US', ST: 'WA', O: 'a+b=c' }],
  ['C=US,ST=WA,O=#0401', /hexadecimal/],
  ['C=US,ST=WA,O=a+CN=b', /several attributes/],
  ['C=US,ST=WA,O=a,O=b', /'O' more than once/],
  ['C=US,ST=WA,O', /'O' in '.*' is not of the form/],
  ['C=US', /no ST, O/],
];
for (const [text, expected] of names)
  test(`distinguished name: ${text}`, () => {
    if (expected instanceof RegExp) assert.throws(() => parseDistinguishedName(text), expected);
    else assert.deepEqual(Object.fromEntries(parseDistinguishedName(text)), expected);
  });
