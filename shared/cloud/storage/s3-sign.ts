import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { HttpRequest } from '../../network/http.ts';

/** Keys of the S3 protocol. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** A query, in any order. */
export type Query = Record<string, string>;

/** Makes a GET or HEAD request, signed when there are credentials. `path` is encoded by {@link encodePath}. */
export type S3Signer = (method: 'GET' | 'HEAD', origin: string, path: string, query: Query) => Promise<HttpRequest>;

/** Signs by AWS's Signature Version 4 for a region; without credentials requests are anonymous. `now`: epoch ms. */
export async function s3Signer(
  credentials: S3Credentials | undefined,
  region: string,
  now: () => number,
): Promise<S3Signer> {
  if (!credentials) return async (method, origin, path, query) => ({ method, url: `${origin}${path}${text(query)}` });
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const signer = new SignatureV4({ service: 's3', region, credentials, sha256: Sha256, uriEscapePath: false });
  return async (method, origin, path, query) => {
    const { host, hostname, protocol } = new URL(origin);
    const signed = await signer.sign(
      { method, protocol, hostname, path, query, headers: { host } },
      { signingDate: new Date(now()) },
    );
    return { method, url: `${origin}${path}${text(query)}`, headers: signed.headers };
  };
}

/** A key as the path of a request, encoded as the signature's rules have it; slashes part names. */
export function encodePath(key: string): string {
  return key.split('/').map(encode).join('/');
}

function text(query: Query): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}

/** RFC 3986, which is stricter than a browser's encoding. */
function encode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** SHA-256 in the form that the signer asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    // The signer takes a new one for every text.
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}
