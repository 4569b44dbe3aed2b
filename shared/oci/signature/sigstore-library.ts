/**
 * What is used of Sigstore's libraries, to be imported where it is needed. They are CommonJS: in the bundles that run on
 * Lambda, importing one of them dynamically gives no names, while a module that imports them statically has them all.
 */
export { BUNDLE_V01_MEDIA_TYPE, BUNDLE_V02_MEDIA_TYPE, bundleFromJSON } from '@sigstore/bundle';
export { dsse } from '@sigstore/core';
export { HashAlgorithm, TrustedRoot } from '@sigstore/protobuf-specs';
export { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
