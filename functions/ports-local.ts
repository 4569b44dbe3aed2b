import * as z from 'zod';
import { localPorts } from '../shared/local/local-ports.ts';
import { cloudEnvironment } from '../shared/ports/cloud.ts';
import type { Ports } from '../shared/ports/ports.ts';

const Config = z.object({
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

let made: Ports | undefined;

/**
 * `#ports` of the functions on one machine: the embedded ports, as the environment asks for them. Made once per thread and
 * shared by all invocations. On AWS, ports-aws.ts stands in its place (package.json, `imports`); there
 * the lines of an invocation carry the id of its request, here that would say nothing.
 */
export async function ports(_requestId?: string): Promise<Ports> {
  made ??= compose(process.env);
  return made;
}

function compose(env: NodeJS.ProcessEnv): Ports {
  const config = Config.safeParse(env);
  if (!config.success) throw new Error(`the environment is not as it should be:\n${z.prettifyError(config.error)}`);
  const {
    SLUICE_DIR: dir,
    SLUICE_PUBLIC_URL: publicUrl,
    SLUICE_CLUSTER_REQUESTS: clusterRequests,
    SLUICE_LOG_LEVEL: level,
  } = config.data;
  return { ...localPorts({ dir, publicUrl, level, clusterRequests }), cloud: cloudEnvironment(env) };
}
