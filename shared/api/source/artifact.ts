import * as z from 'zod';
import { int64, stringMap, text, time } from '../schema.ts';

/** The product of a source, as status.artifact tells it. */
export const Artifact = z
  .object({
    path: text('Where the artifact lies in the store, relative to its root.'),
    url: text('Address under which the artifact can be downloaded.'),
    revision: text('What was fetched, so that a person finds it again in the origin: branch, tag, commit or version.'),
    digest: z
      .string()
      .regex(/^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/)
      .describe('Checksum of the artifact as `<algorithm>:<checksum>`.'),
    lastUpdateTime: time('When the artifact was last written.'),
    size: int64('Size of the artifact in bytes.').optional(),
    metadata: stringMap('What the origin tells about the artifact, such as OCI annotations.').optional(),
  })
  .describe('The product of a source.');
export type Artifact = z.infer<typeof Artifact>;
