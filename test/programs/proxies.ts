/** Proxies that others wrote: tinyproxy for HTTP, microsocks for SOCKS5. */
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianProgram, type Say } from './install.ts';
import { connects, startServer } from './server-process.ts';

export interface ProxyServer {
  /** As spec.proxySecretRef's Secret has it. */
  address: string;
  username: string;
  password: string;
  /** What it wrote: whom it connected to, among other things. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

const login = { username: 'mandalorian', password: 'grogu' };

/** An HTTP proxy that asks for a login. */
export async function startHttpProxy(dir: string, say?: Say): Promise<ProxyServer> {
  const command = await debianProgram('tinyproxy-bin', 'usr/bin/tinyproxy', say);
  const log = join(dir, 'tinyproxy.log');
  const server = await startServer({
    name: 'tinyproxy',
    command,
    args(port) {
      const file = join(dir, `tinyproxy-${port}`);
      const lines = [
        `Port ${port}`,
        'Listen 127.0.0.1',
        'LogLevel Connect',
        `BasicAuth ${login.username} ${login.password}`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return ['-d', '-c', file];
    },
    cwd: dir,
    log,
    probe: connects,
  });
  const address = `http://127.0.0.1:${server.port}`;
  return { address, ...login, log: () => readFile(log, 'utf8'), stop: server.stop };
}

/** A SOCKS5 proxy that asks for a login. */
export async function startSocksProxy(dir: string, say?: Say): Promise<ProxyServer> {
  const command = await debianProgram('microsocks', 'usr/bin/microsocks', say);
  const log = join(dir, 'microsocks.log');
  const args = (port: number) => ['-i', '127.0.0.1', '-p', `${port}`, '-u', login.username, '-P', login.password];
  const server = await startServer({ name: 'microsocks', command, args, cwd: dir, log, probe: connects });
  const address = `socks5://127.0.0.1:${server.port}`;
  return { address, ...login, log: () => readFile(log, 'utf8'), stop: server.stop };
}
