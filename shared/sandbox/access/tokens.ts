import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../api/object.ts';
import type { Kernel } from '../crud/kernel.ts';
import { authenticatedGroup, mastersGroup, serviceAccountUser, type User } from './user.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';

interface Claims {
  exp: number;
  sub: string;
  'kubernetes.io': { namespace: string; serviceaccount: { name: string; uid: string } };
}

/** Bearer tokens: the administrator's, kept in a file of the owner's alone, and those of service accounts, signed with a key beside it. */
export class Tokens {
  readonly admin: string;
  readonly #adminDigest: Buffer;
  readonly #key: string;
  readonly #kernel: Kernel;

  constructor(dir: string, kernel: Kernel) {
    this.admin = secretFile(join(dir, 'admin-token'));
    this.#adminDigest = digest(this.admin);
    this.#key = secretFile(join(dir, 'service-account-key'));
    this.#kernel = kernel;
  }

  /** The user whose token this is; undefined when it is nobody's, or out of date. */
  userOf(token: string): User | undefined {
    if (timingSafeEqual(digest(token), this.#adminDigest))
      return { name: 'sluice:admin', groups: [mastersGroup, authenticatedGroup] };
    const claims = this.#verify(token);
    if (!claims || claims.exp * 1000 < this.#kernel.now().getTime()) return undefined;
    const { namespace, serviceaccount } = claims['kubernetes.io'];
    const account = this.#kernel.store.get('/serviceaccounts', namespace, serviceaccount.name);
    if (account?.object.metadata.uid !== serviceaccount.uid) return undefined;
    return serviceAccountUser(namespace, serviceaccount.name, serviceaccount.uid);
  }

  /** A token of a service account, good for `seconds`. */
  issue(account: KubeObject, audiences: string[], seconds: number): { token: string; expires: Date } {
    const now = Math.floor(this.#kernel.now().getTime() / 1000);
    const { namespace = '', name, uid } = account.metadata;
    const claims = {
      aud: audiences.length > 0 ? audiences : [issuer],
      exp: now + seconds,
      iat: now,
      iss: issuer,
      jti: randomUUID(),
      'kubernetes.io': { namespace, serviceaccount: { name, uid } },
      nbf: now,
      sub: serviceAccountUser(namespace, name).name,
    };
    const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    return { token: `${content}.${this.#sign(content)}`, expires: new Date((now + seconds) * 1000) };
  }

  #verify(token: string): Claims | undefined {
    const end = token.lastIndexOf('.');
    const content = token.slice(0, end);
    if (end < 0 || !timingSafeEqual(digest(token.slice(end + 1)), digest(this.#sign(content)))) return undefined;
    // Signed by this server, so it is of the shape that issue() writes.
    return JSON.parse(Buffer.from(content.split('.')[1] ?? '', 'base64url').toString()) as Claims;
  }

  #sign(content: string): string {
    return createHmac('sha256', this.#key).update(content).digest('base64url');
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function secretFile(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8');
}
