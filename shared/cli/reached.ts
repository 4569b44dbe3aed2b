import type { EksAccess } from '../ports/index.ts';
import type { Minified } from './minified-kubeconfig.ts';

/** A cluster that answered: its address, what the credentials may do there, and what to keep of the way to it. */
export type Reached = { server: string; rights: 'all' | 'limited' } & ({ kubeconfig: Minified } | { eks: EksAccess });
