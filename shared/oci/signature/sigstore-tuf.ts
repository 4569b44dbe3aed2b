/** Apart from the others (see sigstore-library.ts): only who trusts Sigstore's public instance needs it. */
export { getTrustedRoot } from '@sigstore/tuf';
