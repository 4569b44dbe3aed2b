import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressRefused } from './address.ts';
import { foreignText, NetworkError, networkError } from './errors.ts';
import { secureContext } from './tls.ts';

test('text of a server loses what would disturb a terminal or a reader, and its length', () => {
  assert.equal(foreignText('a\u001b[31m\r\nb\u202ec\u0000'), 'a [31m b c');
  assert.equal(foreignText(' x '), 'x');
  assert.equal(foreignText('ü'.repeat(5), 3), 'üüü…');
});

test('what sockets throw is told by code, wherever in a bundle of attempts it stands', () => {
  const coded = (code: string, message = code) => Object.assign(new Error(message), { code });
  const own = new NetworkError('ProxyFailed', 'the proxy');
  const cases: [unknown, string, RegExp][] = [
    [coded('ECONNREFUSED', 'connect ECONNREFUSED'), 'Unreachable', /cannot reach host: connect ECONNREFUSED/],
    [coded('ENOTFOUND', 'getaddrinfo ENOTFOUND x'), 'Unreachable', /ENOTFOUND/],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'TlsFailed', /ca\.crt/],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'TlsFailed', /host/],
    [new AddressRefused('a', '169.254.1.1'), 'AddressRefused', /refusing to connect to a/],
    [new AggregateError([coded('EHOSTUNREACH'), new AddressRefused('a', '::1')]), 'AddressRefused', /::1/],
    [new AggregateError([coded('A', 'one'), coded('B', 'two'), coded('C', 'two')]), 'Unreachable', /: one; two$/],
    [new AggregateError([own]), 'ProxyFailed', /the proxy/],
    ['odd', 'Unreachable', /odd/],
  ];
  for (const [error, code, message] of cases) {
    const told = networkError(error, 'host') as NetworkError;
    assert.equal(told.code, code);
    assert.match(told.message, message);
  }
  assert.equal(networkError(own, 'host'), own);
});

test('what an aborted signal caused is told as its reason, if that has a code', () => {
  const reason = new NetworkError('Timeout', 'too long');
  assert.equal(networkError(new Error('x'), 'host', AbortSignal.abort(reason)), reason);
  const plain = networkError(new Error('x'), 'host', AbortSignal.abort()) as NetworkError;
  assert.deepEqual([plain.code, plain.message], ['Canceled', 'the request to host was canceled']);
});

test('TLS material that cannot be used says what is wrong with it', () => {
  const pem = (text: string) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`;
  const cases: [Parameters<typeof secureContext>[0], RegExp][] = [
    [{ clientCert: 'x' }, /needs its key/],
    [{ clientKey: 'x' }, /needs its key/],
    [{ clientCert: pem('AAAA'), clientKey: 'x' }, /cannot be used/],
    [{ ca: 'nothing' }, /ca\.crt holds no PEM certificate/],
    [{ ca: pem('AAAA') }, /cannot be used/],
  ];
  for (const [material, message] of cases)
    assert.throws(() => secureContext(material), { code: 'InvalidCredentials', message });
  assert.equal(secureContext({}), undefined);
  assert.equal(secureContext({ ca: '', clientCert: '', clientKey: '' }), undefined);
});
