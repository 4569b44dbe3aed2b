import dns from 'node:dns';
import net from 'node:net';

/**
 * Addresses that nothing is fetched from or sent to on a user's word: link-local networks, where clouds answer with
 * credentials of the machine, and the metadata services that live elsewhere. BlockList knows IPv4-mapped IPv6; the other
 * embeddings of IPv4 are listed.
 */
const always = new net.BlockList();
always.addSubnet('169.254.0.0', 16, 'ipv4');
always.addAddress('168.63.129.16', 'ipv4'); // Azure's host
always.addAddress('100.100.100.200', 'ipv4'); // Alibaba's metadata
always.addSubnet('192.0.0.192', 32, 'ipv4'); // Oracle's metadata
always.addSubnet('fe80::', 10, 'ipv6');
always.addSubnet('fd00:ec2::', 32, 'ipv6'); // AWS: metadata, time, pod identity
always.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6'); // NAT64 of 169.254.0.0/16
always.addSubnet('2002:a9fe::', 32, 'ipv6'); // 6to4 of 169.254.0.0/16
always.addSubnet('::a9fe:0', 112, 'ipv6'); // deprecated IPv4-compatible form

/** This machine itself, by all its names: on Linux the unspecified addresses lead there, too. */
const loopback = new net.BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addSubnet('0.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addAddress('::', 'ipv6');
loopback.addSubnet('::7f00:0', 104, 'ipv6');
loopback.addSubnet('64:ff9b::7f00:0', 104, 'ipv6');

export interface AddressRules {
  /**
   * Refuses this machine, too: where a service beside us trusts whoever can reach it, as the runtime API of a Lambda
   * function does. Otherwise loopback and private networks are allowed: that is where in-house servers are.
   */
  refuseLoopback?: boolean | undefined;
}

/** The host is, or resolves to, an address that is never connected to. */
export class AddressRefused extends Error {
  readonly code = 'AddressRefused';
  constructor(host: string, address: string) {
    super(
      `refusing to connect to ${host === address ? address : `${host} (${address})`}: a link-local or metadata address, or one of this machine, is not connected to`,
    );
    this.name = 'AddressRefused';
  }
}

/** Whether `address` (an IP literal, without brackets) must not be connected to. */
export function isRefusedAddress(address: string, rules: AddressRules = {}): boolean {
  const bare = address.replace(/%.*$/, '');
  const family = net.isIP(bare);
  if (family === 0) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  return always.check(bare, type) || (rules.refuseLoopback === true && loopback.check(bare, type));
}

/** Throws when the host of a URL is itself a refused address; names are checked by {@link guardedLookup}. */
export function checkHost(host: string, rules: AddressRules = {}): void {
  const literal = host.replace(/^\[|\]$/g, '');
  if (isRefusedAddress(literal, rules)) throw new AddressRefused(literal, literal);
}

/**
 * `lookup` for sockets that resolves a name once and hands out only what was checked, so that a name that changes its
 * address between check and use (DNS rebinding) gains nothing. One refused address refuses the name.
 */
export function guardedLookup(rules: AddressRules = {}): net.LookupFunction {
  return (host, options, callback) => {
    dns.lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const bad = addresses.find(entry => isRefusedAddress(entry.address, rules));
      if (bad) return callback(new AddressRefused(host, bad.address), []);
      if (options.all) return callback(null, addresses);
      const first = addresses[0];
      if (!first) return callback(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), []);
      callback(null, first.address, first.family);
    });
  };
}
