import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHost, guardedLookup, isRefusedAddress } from './address.ts';

test('link-local and metadata addresses are refused in every spelling, private ones are not', () => {
  const refused = [
    '169.254.169.254',
    '169.254.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fd00:ec2::23',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::',
    '168.63.129.16',
    '100.100.100.200',
  ];
  for (const address of refused) assert.equal(isRefusedAddress(address), true, address);
  const allowed = [
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '8.8.8.8',
    'fd12:3456::1',
    '2001:db8::1',
    '169.253.0.1',
    'example.com',
  ];
  for (const address of allowed) assert.equal(isRefusedAddress(address), false, address);
});

test('URL hosts are checked as the URL parser leaves them', () => {
  for (const host of [
    'http://169.254.169.254',
    'http://0xa9fea9fe',
    'http://2852039166',
    'http://[fe80::1]',
    'http://[::ffff:169.254.169.254]',
  ])
    assert.throws(() => checkHost(new URL(host).hostname), { code: 'AddressRefused' }, host);
  checkHost(new URL('http://[::1]').hostname);
});

test('names are resolved once and checked before a socket sees the address', async () => {
  const found = await new Promise<unknown>((resolve, reject) => {
    guardedLookup()('localhost', { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
  assert.ok(Array.isArray(found) && found.length > 0);
  const refusal = await new Promise<unknown>(resolve => {
    guardedLookup()('169.254.169.254', { all: false }, error => resolve(error));
  });
  assert.equal((refusal as { code: string }).code, 'AddressRefused');
});

test('this machine is refused where the rules say so, by whatever name', async () => {
  const rules = { refuseLoopback: true };
  const own = ['127.0.0.1', '127.9.9.9', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1'];
  for (const address of own) assert.equal(isRefusedAddress(address, rules), true, address);
  for (const address of ['10.0.0.1', '192.168.1.1', '8.8.8.8', '2001:db8::1'])
    assert.equal(isRefusedAddress(address, rules), false, address);
  for (const host of ['http://127.1', 'http://2130706433', 'http://[::1]', 'http://0'])
    assert.throws(() => checkHost(new URL(host).hostname, rules), { code: 'AddressRefused' }, host);
  const refusal = await new Promise<unknown>(resolve => {
    guardedLookup(rules)('localhost', { all: true }, error => resolve(error));
  });
  assert.equal((refusal as { code: string }).code, 'AddressRefused');
});
