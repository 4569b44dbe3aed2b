/** Docker's registry, as Debian packages it: a registry that others wrote, with any sign-in and TLS. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { debianProgram } from '../programs/install.ts';
import { startServer } from '../programs/server-process.ts';

/** Who a registry with `auth: 'basic'` lets in. */
export const reader = { username: 'reader', password: 'open sesame' };
const readerLine = 'reader:$2b$04$zT/T/7y8fGqfjdsrCeWOY.qXGd4VN6Fb8z1hSowgwhVmn.ApF5YiC';

export interface RegistryServerOptions {
  /** `basic`: {@link reader}. A token server: where it is, and whose certificate signs its tokens. */
  auth?: 'basic' | { realm: string; service: string; issuer: string; certificate: string };
  /** PEM. `clientCa`: clients must have a certificate of it. */
  tls?: { cert: string; key: string; clientCa?: string };
}

export interface RegistryServer {
  /** `127.0.0.1:port`. */
  host: string;
  port: number;
  /** `http://127.0.0.1:port`, or https. */
  url: string;
  stop(): Promise<void>;
}

/** Starts an empty registry on a free port; what it holds goes when it is stopped. */
export async function startRegistry(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const command = await debianProgram('docker-registry', 'usr/bin/docker-registry');
  const dir = mkdtempSync(join(tmpdir(), 'sluice-registry-'));
  mkdirSync(join(dir, 'data'));
  const file = join(dir, 'config.yml');
  const server = await startServer({
    name: "docker's registry",
    command,
    args: port => {
      writeFileSync(file, stringify(configOf(options, dir, port)));
      return ['serve', file];
    },
    cwd: dir,
    log: join(dir, 'log'),
    // Nothing is reported to anyone.
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  const host = `127.0.0.1:${server.port}`;
  return {
    host,
    port: server.port,
    url: `${options.tls ? 'https' : 'http'}://${host}`,
    async stop() {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function configOf({ auth, tls }: RegistryServerOptions, dir: string, port: number): object {
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  return {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
    ...authOf(auth, file),
    http: {
      addr: `127.0.0.1:${port}`,
      secret: 'of no weight: there is one registry',
      ...(tls
        ? {
            tls: {
              certificate: file('cert.pem', tls.cert),
              key: file('key.pem', tls.key),
              ...(tls.clientCa ? { clientcas: [file('client-ca.pem', tls.clientCa)] } : {}),
            },
          }
        : {}),
    },
  };
}

function authOf(auth: RegistryServerOptions['auth'], file: (name: string, text: string) => string): object {
  if (auth === undefined) return {};
  if (auth === 'basic') return { auth: { htpasswd: { realm: 'registry', path: file('htpasswd', `${readerLine}\n`) } } };
  const { realm, service, issuer, certificate } = auth;
  return { auth: { token: { realm, service, issuer, rootcertbundle: file('issuer.pem', certificate) } } };
}

/** What is pushed: an artifact of layers. */
export interface Pushed {
  layers?: { mediaType: string; bytes: Buffer; annotations?: Record<string, string> }[];
  annotations?: Record<string, string>;
  /** An empty object of OCI's empty type when absent. */
  config?: { mediaType: string; bytes: Buffer };
  artifactType?: string;
  subject?: { mediaType: string; digest: string; size: number };
  /** The type of the manifest; that of OCI when absent. */
  mediaType?: string;
}

export interface PushOptions {
  fetch?: typeof fetch;
  /** Value of the Authorization header. */
  authorization?: string;
}

/** Pushes an artifact by plain HTTP requests; answers what its manifest is. `reference`: a tag, or undefined for the digest. */
export async function push(
  url: string,
  repository: string,
  reference: string | undefined,
  pushed: Pushed,
  options: PushOptions = {},
): Promise<{ mediaType: string; digest: string; size: number }> {
  const { mediaType = 'application/vnd.oci.image.manifest.v1+json', annotations, artifactType, subject } = pushed;
  const config = pushed.config ?? { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
  const blobs = [config, ...(pushed.layers ?? [])];
  const [configured, ...layers] = await Promise.all(
    blobs.map(async blob => ({
      mediaType: blob.mediaType,
      ...(await pushBlob(url, repository, blob.bytes, options)),
      ...('annotations' in blob && blob.annotations ? { annotations: blob.annotations } : {}),
    })),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType,
    ...(artifactType ? { artifactType } : {}),
    config: configured,
    layers,
    ...(subject ? { subject } : {}),
    ...(annotations ? { annotations } : {}),
  };
  return pushManifest(url, repository, reference, manifest, options);
}

/** Pushes a manifest or an index as it is. */
export async function pushManifest(
  url: string,
  repository: string,
  reference: string | undefined,
  manifest: { mediaType: string },
  options: PushOptions = {},
): Promise<{ mediaType: string; digest: string; size: number }> {
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(bytes);
  const { mediaType } = manifest;
  const path = `/v2/${repository}/manifests/${reference ?? digest}`;
  await ask(`${url}${path}`, 'PUT', bytes, mediaType, options);
  return { mediaType, digest, size: bytes.length };
}

async function pushBlob(url: string, repository: string, bytes: Buffer, options: PushOptions) {
  const started = await ask(`${url}/v2/${repository}/blobs/uploads/`, 'POST', undefined, undefined, options);
  const to = new URL(started.headers.get('location') ?? '', url);
  const digest = digestOf(bytes);
  to.searchParams.set('digest', digest);
  await ask(to.href, 'PUT', bytes, 'application/octet-stream', options);
  return { digest, size: bytes.length };
}

async function ask(
  url: string,
  method: string,
  body: Buffer | undefined,
  type: string | undefined,
  { fetch: send = fetch, authorization }: PushOptions,
): Promise<Response> {
  const headers = { ...(type ? { 'content-type': type } : {}), ...(authorization ? { authorization } : {}) };
  const answer = await send(url, { method, headers, ...(body ? { body: new Uint8Array(body) } : {}) });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
  return answer;
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
