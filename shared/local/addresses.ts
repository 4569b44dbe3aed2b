import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { writeFileAtomically } from './write-file.ts';

/** The ports that were used last: addresses that others wrote down (a kubeconfig, a Git remote) stay good. */
const Addresses = z.object({
  gateway: z.number().catch(0),
  sandbox: z.number().catch(0),
  git: z.number().catch(0),
});
export type Addresses = z.infer<typeof Addresses>;

export function readAddresses(file: string): Addresses {
  try {
    return Addresses.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return { gateway: 0, sandbox: 0, git: 0 };
  }
}

export async function writeAddresses(file: string, addresses: Addresses): Promise<void> {
  await writeFileAtomically(file, `${JSON.stringify(addresses)}\n`);
}

/** Starts something on the port it had last; on any free one when somebody else has that now. */
export async function onLastPort<T>(port: number, start: (port: number) => Promise<T>): Promise<T> {
  if (port === 0) return start(0);
  try {
    return await start(port);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES'))
      return start(0);
    throw error;
  }
}
