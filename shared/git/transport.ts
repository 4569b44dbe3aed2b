/** What carries Git's protocol: HTTP, or a connection of SSH. */

import type { HttpAccess } from '../network/http.ts';

/** An answer's bytes as they come. Left before its end, it is given up, and what carried it is not used again. */
export type Answer = AsyncIterable<Buffer>;

/** How a repository's server is reached. */
export type TransportAccess = Pick<HttpAccess, 'proxy' | 'rules' | 'signal'>;

/** The way to one repository. Every method throws GitError. */
export interface Transport {
  /** The repository's address without credentials, for messages. */
  readonly display: string;
  /** The server's first words: what it can do (protocol 2), or also its references (0 and 1). */
  discover(): Promise<Answer>;
  /** Sends a command to git-upload-pack, in the version of the protocol that the server's first words were in. */
  command(body: string, version: 0 | 1 | 2): Promise<Answer>;
  /** Ends connections. */
  close(): void;
}
