import * as z from 'zod';

/** Digests that registries may name: those with an algorithm of the OCI image specification. */
export const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

const Annotations = z.record(z.string(), z.string());

/** What a manifest says of something else that the registry holds: what it is, its digest, and its bytes. */
export const Descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(digestPattern),
  /** Bytes. */
  size: z.int().min(0),
  annotations: Annotations.nullish()
    .transform(value => value ?? undefined)
    .optional(),
  artifactType: z.string().optional(),
  /** What runs it; of entries of an index. */
  platform: z.looseObject({ os: z.string().optional(), architecture: z.string().optional() }).optional(),
});
export type Descriptor = z.infer<typeof Descriptor>;

/** An image manifest (its layers) or an index (its manifests), of OCI or Docker; fields of the other kind are absent. */
export const Manifest = z.looseObject({
  schemaVersion: z.number().optional(),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: Descriptor.optional(),
  layers: z.array(Descriptor).nullish(),
  manifests: z.array(Descriptor).nullish(),
  subject: Descriptor.nullish(),
  annotations: Annotations.nullish(),
});
export type Manifest = z.infer<typeof Manifest>;

/** Media types of manifests, as `Accept` asks for them. */
export const manifestTypes = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

/** Whether a manifest of this media type lists others. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === manifestTypes.index || mediaType === manifestTypes.dockerList;
}
