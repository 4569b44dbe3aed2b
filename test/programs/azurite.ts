/** Azurite, Microsoft's emulator of Azure's storage; of it the blobs. It is a package of ours, and so already there. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connects, type ServerProcess, startServer } from './server-process.ts';

export interface Azurite {
  /** URL of the storage account. */
  url: string;
  account: string;
  /** base64 */
  key: string;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../node_modules/azurite/dist/src/blob/main.js', import.meta.url));

/** Starts it in memory. With a certificate it speaks https, and takes tokens of Entra ID, whose claims it checks. */
export async function startAzurite(dir: string, tls?: { key: string; cert: string }): Promise<Azurite> {
  const account = 'sluicetests';
  const key = randomBytes(64).toString('base64');
  const secure: string[] = [];
  if (tls) {
    const [certFile, keyFile] = [join(dir, 'azurite.crt'), join(dir, 'azurite.key')];
    writeFileSync(certFile, tls.cert);
    writeFileSync(keyFile, tls.key);
    secure.push('--cert', certFile, '--key', keyFile, '--oauth', 'basic');
  }
  const plain = ['--inMemoryPersistence', '--skipApiVersionCheck', '--disableTelemetry', '--silent'];
  const server: ServerProcess = await startServer({
    name: 'Azurite',
    command: process.execPath,
    args: port => [program, '--blobHost', '127.0.0.1', '--blobPort', String(port), ...plain, ...secure],
    cwd: dir,
    log: join(dir, 'azurite.log'),
    env: { AZURITE_ACCOUNTS: `${account}:${key}` },
    ...(tls ? { probe: connects } : {}),
  });
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}/${account}`;
  return { url, account, key, stop: server.stop };
}
