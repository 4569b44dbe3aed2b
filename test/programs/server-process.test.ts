import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer } from './server-process.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-server-'));
});
after(() => rm(dir, { recursive: true }));

const serve = `require('node:http').createServer((_, answer) => answer.end()).listen(+process.argv[1], '127.0.0.1')`;

function options(program = serve) {
  const log = join(dir, 'log');
  return {
    name: 'some server',
    command: process.execPath,
    args: (port: number) => ['-e', program, String(port)],
    cwd: dir,
    log,
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('a server that is not ours', () => {
  test('answers when it is started, and is gone when it is stopped', async () => {
    const server = await startServer(options());
    assert.ok(await listens(server.port));
    await server.stop();
    assert.ok(!(await listens(server.port)));
  });

  test('ends with the process that started it, even by kill -9', async () => {
    const { log: _, name: __, ...rest } = options();
    const program = `
      import { startServer } from '${new URL('./server-process.ts', import.meta.url).href}';
      const args = port => ['-e', ${JSON.stringify(serve)}, String(port)];
      const server = await startServer({ ...${JSON.stringify(rest)}, name: 'x', args, log: ${JSON.stringify(join(dir, 'killed'))} });
      console.log(server.port);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = Number((await once(child.stdout, 'data'))[0]);
    assert.ok(await listens(port));
    child.kill('SIGKILL');
    while (await listens(port)) await delay(20);
  });

  test('gets another port when its own was taken meanwhile', async t => {
    const taken = createServer(socket => socket.destroy());
    t.after(() => taken.close());
    let first: number | undefined;
    const others = {
      ...options(),
      args(port: number) {
        // Someone else is faster with the first.
        first ??= port;
        if (port === first) taken.listen(port, '127.0.0.1');
        return ['-e', `setTimeout(() => { ${serve} }, 300)`, String(port)];
      },
    };
    const server = await startServer(others);
    assert.notEqual(server.port, first);
    await server.stop();
  });

  test('that does not start says why', async () => {
    const failing = options(`console.error('no such option'); process.exit(2)`);
    await assert.rejects(startServer(failing), {
      code: 'InstallFailed',
      message: /some server does not start: .*no such option/s,
    });
    await assert.rejects(startServer({ ...failing, command: '/nonexistent' }), { message: /nonexistent/ });
  });
});
