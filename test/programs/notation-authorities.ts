/** OpenSSL as the servers that certificates name: who tells of revocations (OCSP, lists), and who stamps times (RFC 3161). */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { Signer } from '../../shared/oci/signature/testing/notary.ts';
import { failure } from './install.ts';

const execute = promisify(execFile);

/** Who answers: the issuer of what is asked for, and who signs the answers, the issuer itself when absent. */
export interface Responder {
  issuer: Signer;
  signer?: Signer;
  /** Serial numbers (hexadecimal) that are valid, and that are revoked; of others nothing is known. */
  valid?: string[];
  revoked?: string[];
  /** Of its list: a line of OpenSSL's configuration with a critical extension, which limits what it tells of. */
  extension?: string;
}

export interface Authorities {
  /** `http://127.0.0.1:port`; `/ocsp`, `/crl` and `/tsa` are below it. */
  url: string;
  /** What was asked for, oldest first. */
  asked: string[];
  ocsp?: Responder | undefined;
  crl?: Responder | undefined;
  tsa?: Signer | undefined;
  /** Stamps a signature as the authority does over HTTP; a token alone. */
  stamp(signature: Buffer, by: Signer, digest?: string): Promise<Buffer>;
  /** The same, in the response that it is sent in. */
  stampResponse(signature: Buffer, by: Signer): Promise<Buffer>;
  close(): Promise<void>;
}

/** Starts the server; who answers is set afterwards, and 404 until then. */
export async function startAuthorities(): Promise<Authorities> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-authorities-'));
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    authorities.asked.push(path);
    try {
      const answer = await answerTo(path, await buffer(request), authorities, dir);
      if (answer) response.writeHead(200, { 'content-type': answer.type }).end(answer.body);
      else response.writeHead(404).end();
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const authorities: Authorities = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    stamp: async (signature, by, digest = 'sha256') =>
      reply(await query(signature, dir, digest), by, dir, '-token_out'),
    stampResponse: async (signature, by) => reply(await query(signature, dir, 'sha256'), by, dir),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return authorities;
}

async function answerTo(path: string, body: Buffer, { ocsp, crl, tsa }: Authorities, dir: string) {
  if (path === '/ocsp' && ocsp) return { type: 'application/ocsp-response', body: await ocspAnswer(body, ocsp, dir) };
  if (path === '/crl' && crl) return { type: 'application/pkix-crl', body: await listOf(crl, dir) };
  if (path === '/tsa' && tsa) return { type: 'application/timestamp-reply', body: await reply(body, tsa, dir) };
  return undefined;
}

async function ocspAnswer(request: Buffer, responder: Responder, dir: string): Promise<Buffer> {
  const { issuer, signer = issuer } = responder;
  writeFileSync(join(dir, 'index.txt'), indexOf(responder));
  writeFileSync(join(dir, 'request.der'), request);
  putSigner(dir, 'issuer', issuer);
  putSigner(dir, 'responder', signer);
  const who = ['-CA', 'issuer.pem', '-rsigner', 'responder.pem', '-rkey', 'responder.key', '-rmd', 'sha256'];
  await openssl(
    dir,
    'ocsp',
    '-index',
    'index.txt',
    ...who,
    '-nmin',
    '5',
    '-reqin',
    'request.der',
    '-respout',
    'answer.der',
  );
  return readFileSync(join(dir, 'answer.der'));
}

async function listOf(responder: Responder, dir: string): Promise<Buffer> {
  const { issuer, signer = issuer } = responder;
  writeFileSync(join(dir, 'index.txt'), indexOf(responder));
  writeFileSync(join(dir, 'crlnumber'), '01\n');
  writeFileSync(
    join(dir, 'ca.cnf'),
    `[ca]\ndefault_ca=ours\n[ours]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n${responder.extension ? `crl_extensions=more\n[more]\n${responder.extension}\n` : ''}`,
  );
  putSigner(dir, 'responder', signer);
  const who = ['-keyfile', 'responder.key', '-cert', 'responder.pem', '-crlhours', '1'];
  await openssl(dir, 'ca', '-config', 'ca.cnf', '-gencrl', ...who, '-out', 'list.pem');
  await openssl(dir, 'crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.der');
  return readFileSync(join(dir, 'list.der'));
}

async function query(signature: Buffer, dir: string, digest: string): Promise<Buffer> {
  writeFileSync(join(dir, 'signature'), signature);
  await openssl(dir, 'ts', '-query', '-data', 'signature', `-${digest}`, '-cert', '-out', 'made.tsq');
  return readFileSync(join(dir, 'made.tsq'));
}

async function reply(query: Buffer, by: Signer, dir: string, ...options: string[]): Promise<Buffer> {
  writeFileSync(join(dir, 'query.tsq'), query);
  writeFileSync(join(dir, 'serial'), '01\n');
  writeFileSync(
    join(dir, 'tsa.cnf'),
    '[tsa]\nserial=serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n',
  );
  putSigner(dir, 'tsa', by);
  const who = [
    '-config',
    'tsa.cnf',
    '-section',
    'tsa',
    '-signer',
    'tsa.pem',
    '-inkey',
    'tsa.key',
    '-chain',
    'tsa-chain.pem',
  ];
  await openssl(dir, 'ts', '-reply', '-queryfile', 'query.tsq', ...who, ...options, '-out', 'reply.tsr');
  return readFileSync(join(dir, 'reply.tsr'));
}

/** OpenSSL's own table of what an authority issued. */
function indexOf({ valid = [], revoked = [] }: Responder): string {
  const lines = [
    ...valid.map(serial => ['V', '491231235959Z', '', serial.toUpperCase(), 'unknown', `/CN=${serial}`]),
    ...revoked.map(serial => ['R', '491231235959Z', '260101000000Z', serial.toUpperCase(), 'unknown', `/CN=${serial}`]),
  ];
  return lines.map(fields => `${fields.join('\t')}\n`).join('');
}

function putSigner(dir: string, name: string, { chain, privateKey }: Signer): void {
  const pem = (der: Buffer) =>
    `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  writeFileSync(join(dir, `${name}.pem`), pem(chain[0]!));
  writeFileSync(join(dir, `${name}-chain.pem`), chain.map(pem).join(''));
  writeFileSync(join(dir, `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  try {
    await execute('openssl', args, { cwd });
  } catch (error) {
    throw failure('openssl', args, error);
  }
}
