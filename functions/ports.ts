import { z } from 'zod';
import type { Ports } from '../shared/ports/ports.ts';

const Config = z.object({
  /** Where this runs: `local` on one machine. */
  SLUICE_RUNTIME: z.enum(['local', 'aws'], { error: 'must be "local" or "aws"' }).default('local'),
  /** State directory of the local runtime. */
  SLUICE_DIR: z.string().min(1).default('.sluice'),
  /** Base URL under which this installation answers; no trailing slash. */
  SLUICE_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .transform(url => url.replace(/\/+$/, ''))
    .default('http://127.0.0.1'),
  /** Requests under way at a time to one cluster, from this process (or thread). */
  SLUICE_CLUSTER_REQUESTS: z.coerce.number().int().min(1).optional(),
  SLUICE_LOG_LEVEL: z.enum(['info', 'warn', 'error']).default('info'),
});

let made: Promise<Ports> | undefined;

/**
 * What differs between AWS and one machine, as the environment asks for it. Made once per process (per thread on one
 * machine) and shared by all invocations, so that connections stay open between them.
 */
export function ports(): Promise<Ports> {
  made ??= compose(process.env);
  return made;
}

async function compose(env: NodeJS.ProcessEnv): Promise<Ports> {
  const config = Config.safeParse(env);
  if (!config.success) throw new Error(`the environment is not as it should be:\n${z.prettifyError(config.error)}`);
  const {
    SLUICE_RUNTIME: runtime,
    SLUICE_DIR: dir,
    SLUICE_PUBLIC_URL: publicUrl,
    SLUICE_CLUSTER_REQUESTS: clusterRequests,
    SLUICE_LOG_LEVEL: level,
  } = config.data;
  if (runtime === 'aws')
    throw new Error('SLUICE_RUNTIME=aws is not built yet; set SLUICE_RUNTIME=local, or leave it out');
  const { localPorts } = await import('../shared/local/local-ports.ts');
  return localPorts({ dir, publicUrl, level, clusterRequests });
}
