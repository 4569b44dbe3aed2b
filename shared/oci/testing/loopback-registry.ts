/** A registry on loopback that does what a test tells it, also what no registry should do. Everything it is asked is kept. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Descriptor } from '../descriptor.ts';

export interface Asked {
  method: string;
  /** With the query. */
  path: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** Answers in the registry's place; true when it did. */
export type Intercept = (asked: Asked, answer: ServerResponse) => boolean | undefined | Promise<boolean | undefined>;

export interface LoopbackOptions {
  tls?: { key: string; cert: string };
  intercept?: Intercept;
  /** Whether it has the referrers API; without it there is only the tag. */
  referrers?: boolean;
}

export interface LoopbackRegistry {
  /** `127.0.0.1:port`. */
  host: string;
  /** `http://127.0.0.1:port`, or https. */
  origin: string;
  asked: Asked[];
  intercept: Intercept | undefined;
  /** Keeps bytes as a blob. */
  blob(bytes: Buffer, mediaType?: string): Descriptor;
  /** Keeps a manifest, also under a tag. */
  manifest(repository: string, tag: string | undefined, manifest: object): Descriptor;
  /** An artifact of one layer. */
  artifact(repository: string, tag: string, layer: Buffer, annotations?: Record<string, string>): Descriptor;
  close(): Promise<void>;
}

interface Kept {
  mediaType: string;
  bytes: Buffer;
}

export const imageManifest = 'application/vnd.oci.image.manifest.v1+json';
export const imageIndex = 'application/vnd.oci.image.index.v1+json';

export async function startLoopbackRegistry(options: LoopbackOptions = {}): Promise<LoopbackRegistry> {
  const blobs = new Map<string, Kept>();
  const manifests = new Map<string, Kept>();
  const asked: Asked[] = [];
  const handle = async (request: IncomingMessage, answer: ServerResponse) => {
    const { method = 'GET', url: path = '/', headers } = request;
    const one = { method, path, headers, body: await text(request) };
    asked.push(one);
    if (await registry.intercept?.(one, answer)) return;
    serve(one, answer, { blobs, manifests, hasReferrers: options.referrers === true });
  };
  const listener = (request: IncomingMessage, answer: ServerResponse) =>
    void handle(request, answer).catch(() => answer.destroy());
  const server = options.tls ? https.createServer(options.tls, listener) : http.createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keep = (map: Map<string, Kept>, key: string, mediaType: string, bytes: Buffer) => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    map.set(key.replace('%', digest), { mediaType, bytes });
    return { mediaType, digest, size: bytes.length };
  };
  const registry: LoopbackRegistry = {
    host,
    origin: `${options.tls ? 'https' : 'http'}://${host}`,
    asked,
    intercept: options.intercept,
    blob: (bytes, mediaType = 'application/octet-stream') => keep(blobs, '%', mediaType, bytes),
    manifest(repository, tag, manifest) {
      const mediaType = 'mediaType' in manifest ? String(manifest.mediaType) : imageManifest;
      const bytes = Buffer.from(JSON.stringify(manifest));
      if (tag !== undefined) keep(manifests, `${repository}:${tag}`, mediaType, bytes);
      return keep(manifests, `${repository}:%`, mediaType, bytes);
    },
    artifact(repository, tag, layer, annotations) {
      const config = registry.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
      const layers = [registry.blob(layer, 'application/vnd.cncf.flux.content.v1.tar+gzip')];
      const manifest = { schemaVersion: 2, mediaType: imageManifest, config, layers };
      return registry.manifest(repository, tag, annotations ? { ...manifest, annotations } : manifest);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return registry;
}

interface Contents {
  blobs: Map<string, Kept>;
  manifests: Map<string, Kept>;
  hasReferrers: boolean;
}

function serve({ method, path, headers }: Asked, answer: ServerResponse, contents: Contents): ServerResponse {
  const [, repository = '', what = '', reference = ''] =
    /^\/v2\/(.+)\/(blobs|manifests|tags|referrers)\/([^?]+)/.exec(path) ?? [];
  if (path === '/v2/') return send(answer, method, 200, 'application/json', Buffer.from('{}'));
  if (what === 'tags') {
    const prefix = `${repository}:`;
    const keys = [...contents.manifests.keys()].filter(key => key.startsWith(prefix) && !key.includes(':sha256:'));
    return json(answer, method, 200, { name: repository, tags: keys.map(key => key.slice(prefix.length)) });
  }
  if (what === 'referrers' && contents.hasReferrers) {
    const found = [...contents.manifests].flatMap(([key, { mediaType, bytes }]) => {
      const { subject, artifactType } = JSON.parse(bytes.toString());
      if (subject?.digest !== reference || !key.startsWith(`${repository}:sha256:`)) return [];
      return [{ mediaType, digest: key.slice(repository.length + 1), size: bytes.length, artifactType }];
    });
    const index = { schemaVersion: 2, mediaType: imageIndex, manifests: found };
    return send(answer, method, 200, imageIndex, Buffer.from(JSON.stringify(index)));
  }
  const kept = what === 'blobs' ? contents.blobs.get(reference) : contents.manifests.get(`${repository}:${reference}`);
  if (!kept || (what !== 'blobs' && what !== 'manifests')) {
    const code = what === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
    return json(answer, method, 404, { errors: [{ code, message: `${what} unknown` }] });
  }
  const digest = `sha256:${createHash('sha256').update(kept.bytes).digest('hex')}`;
  answer.setHeader('docker-content-digest', digest);
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
  if (from === 0) return send(answer, method, 200, kept.mediaType, kept.bytes);
  answer.setHeader('content-range', `bytes ${from}-${kept.bytes.length - 1}/${kept.bytes.length}`);
  return send(answer, method, 206, kept.mediaType, kept.bytes.subarray(from));
}

function send(answer: ServerResponse, method: string, status: number, type: string, bytes: Buffer): ServerResponse {
  answer.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  return answer.end(method === 'HEAD' ? undefined : bytes);
}

/** Answers with JSON, as registries do. */
export function json(answer: ServerResponse, method: string, status: number, body: unknown): ServerResponse {
  return send(answer, method, status, 'application/json', Buffer.from(JSON.stringify(body)));
}
