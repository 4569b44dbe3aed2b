import dns from 'node:dns';
import net from 'node:net';
import { GitError } from './errors.ts';

/**
 * Addresses no repository may be fetched from: link-local networks, where clouds answer with credentials of the machine,
 * and the metadata services that live elsewhere. Loopback and private networks are allowed: that is where in-house Git
 * servers are. BlockList knows IPv4-mapped IPv6; the other embeddings of IPv4 are listed.
 */
const refused = new net.BlockList();
refused.addSubnet('169.254.0.0', 16, 'ipv4');
refused.addAddress('168.63.129.16', 'ipv4'); // Azure's host
refused.addAddress('100.100.100.200', 'ipv4'); // Alibaba's metadata
refused.addSubnet('192.0.0.192', 32, 'ipv4'); // Oracle's metadata
refused.addSubnet('fe80::', 10, 'ipv6');
refused.addSubnet('fd00:ec2::', 32, 'ipv6'); // AWS: metadata, time, pod identity
refused.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6'); // NAT64 of 169.254.0.0/16
refused.addSubnet('2002:a9fe::', 32, 'ipv6'); // 6to4 of 169.254.0.0/16
refused.addSubnet('::a9fe:0', 112, 'ipv6'); // deprecated IPv4-compatible form

/** Whether `address` (an IP literal, without brackets or zone) must not be connected to. */
export function isRefusedAddress(address: string): boolean {
  const family = net.isIP(address.replace(/%.*$/, ''));
  if (family === 0) return false;
  return refused.check(address.replace(/%.*$/, ''), family === 4 ? 'ipv4' : 'ipv6');
}

function refusal(host: string, address: string): GitError {
  const where = host === address ? address : `${host} (${address})`;
  return new GitError(
    'AddressRefused',
    `refusing to connect to ${where}: link-local and metadata addresses are no Git servers; correct spec.url`,
  );
}

/** Throws when the host of a URL is itself a refused address; names are checked by {@link guardedLookup}. */
export function checkHost(host: string): void {
  const literal = host.replace(/^\[|\]$/g, '');
  if (isRefusedAddress(literal)) throw refusal(host, literal);
}

/**
 * `lookup` for sockets that resolves a name once and hands out only what was checked, so that a name that changes its
 * address between check and use (DNS rebinding) gains nothing. One refused address refuses the name.
 */
export const guardedLookup: net.LookupFunction = (host, options, callback) => {
  dns.lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const bad = addresses.find(entry => isRefusedAddress(entry.address));
    if (bad) return callback(refusal(host, bad.address), []);
    if (options.all) return callback(null, addresses);
    const first = addresses[0];
    if (!first) return callback(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), []);
    callback(null, first.address, first.family);
  });
};
