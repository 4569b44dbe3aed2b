import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfidential, type Way } from './confidential.ts';

const way: Way = { proxied: false, ownAuthorities: false };
const table: [string, Way, RegExp | undefined][] = [
  ['the usual way', way, undefined],
  ['a proxy', { ...way, proxied: true }, undefined],
  ['an authority of the object', { ...way, ownAuthorities: true }, undefined],
  ['both', { ...way, proxied: true, ownAuthorities: true }, /through a proxy to a server that a Secret's ca.crt/],
  ['no check at all', { ...way, insecure: true }, /remove spec.insecure/],
];

for (const [name, given, refused] of table)
  test(`the installation's credentials and ${name}: ${refused ? 'refused' : 'shown'}`, () => {
    const check = () => checkConfidential(given);
    if (refused) assert.throws(check, error => refused.test((error as Error).message));
    else check();
    checkConfidential({ ...given, serviceAccountName: 'reader' });
  });
