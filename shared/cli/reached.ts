import type { EksAccess } from '../ports/index.ts';
import type { Minified } from './minified-kubeconfig.ts';

/**
 * A cluster that was found: its address, what the credentials may do there ('unknown' when that cannot be asked from here), what
 * else is worth knowing, and what to keep of the way to it.
 */
export type Reached = { server: string; rights: 'all' | 'limited' | 'unknown'; notes?: string[] } & (
  | { kubeconfig: Minified }
  | { eks: EksAccess }
);
