import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { signatureLimit } from './cosign-legacy.ts';
import type { FoundSignature } from './cosign-signature.ts';
import type { SignatureRegistry } from './request.ts';

const bundleType = 'application/vnd.dev.sigstore.bundle';
/** What a referrer is said to be when whoever listed it did not look at its layers. */
const unsaid = new Set([
  undefined,
  '',
  'application/vnd.oci.empty.v1+json',
  'application/vnd.oci.image.config.v1+json',
]);
/** Bytes. A bundle can hold a statement with a bill of materials, which is not what anybody signs an artifact with. */
const bundleLimit = 8 * 2 ** 20;

/** The bundles of Sigstore that refer to an artifact: what cosign 3 makes. Throws what the registry throws. */
export async function bundleSignatures(registry: SignatureRegistry, descriptor: Descriptor): Promise<FoundSignature[]> {
  const referrers = (await registry.referrers(descriptor.digest)).filter(
    ({ artifactType }) => artifactType?.startsWith(bundleType) || unsaid.has(artifactType),
  );
  const found: FoundSignature[] = [];
  for (const referrer of referrers.slice(0, signatureLimit)) {
    const bundle = await readReferrer(registry, referrer, descriptor);
    if (bundle) found.push(bundle);
  }
  return found;
}

/** Undefined for what turns out to be no bundle, or is listed and gone. */
async function readReferrer(
  registry: SignatureRegistry,
  referrer: Descriptor,
  descriptor: Descriptor,
): Promise<FoundSignature | undefined> {
  const where = `bundle ${referrer.digest}`;
  try {
    const { manifest } = await registry.manifest(referrer.digest);
    const [layer, second] = manifest.layers ?? [];
    if (!layer?.mediaType.startsWith(bundleType)) return undefined;
    if (second) return { where, problem: 'it has more than one layer' };
    if (layer.size > bundleLimit) return { where, problem: `it has more than ${bundleLimit} bytes` };
    const bytes = await registry.readBlob(layer, bundleLimit);
    return await readBundle(bytes, where, () => registry.manifest(descriptor.digest));
  } catch (error) {
    if (error instanceof OciError && error.code === 'NotFound') return undefined;
    throw error;
  }
}

async function readBundle(
  bytes: Buffer,
  where: string,
  artifact: () => Promise<{ bytes: Buffer }>,
): Promise<FoundSignature> {
  const { bundleFromJSON, BUNDLE_V01_MEDIA_TYPE, BUNDLE_V02_MEDIA_TYPE } = await import('./sigstore-library.ts');
  let bundle: ReturnType<typeof bundleFromJSON>;
  try {
    bundle = bundleFromJSON(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    return { where, problem: `it is no bundle of Sigstore: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (bundle.mediaType === BUNDLE_V01_MEDIA_TYPE || bundle.mediaType === BUNDLE_V02_MEDIA_TYPE)
    return { where, problem: `its format (${bundle.mediaType}) is too old: 0.3 or later is read` };
  if (bundle.content.$case === 'messageSignature')
    return {
      where,
      content: { kind: 'manifest', bytes: (await artifact()).bytes },
      signatures: [bundle.content.messageSignature.signature],
      bundle,
    };
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  return {
    where,
    content: { kind: 'statement', bytes: payload, type: payloadType },
    signatures: signatures.map(({ sig }) => sig),
    bundle,
  };
}
