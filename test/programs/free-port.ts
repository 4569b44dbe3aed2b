import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below what Linux and macOS give to those who listen on any port, and to those who connect. A port of that range, free when it
 * is chosen, may be another server's before a program that takes seconds to start listens on it, or while it is down.
 */
const [first, last] = [15_000, 32_000];

/** A port of 127.0.0.1 that is free, and that nobody gets by chance. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(first, last);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
