import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrustMaterial } from '@sigstore/verify';
import { SignatureError } from './errors.ts';

/** Milliseconds for which a fetched root is used before Sigstore is asked again; its keys change about once a year. */
const rootAgeMs = 24 * 60 * 60_000;
/** Milliseconds after a failure in which it is not tried again, as in Flux. */
const retryMs = 60_000;

/** Whom a trusted_root.json says to trust: Fulcio, Rekor, the logs of certificates, timestamping authorities. Throws SignatureError InvalidConfiguration. */
export async function trustOf(trustedRoot: Buffer): Promise<TrustMaterial> {
  const { TrustedRoot, toTrustMaterial } = await import('./sigstore-library.ts');
  let material: TrustMaterial;
  try {
    const parsed: unknown = JSON.parse(trustedRoot.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null) throw new Error('it is no JSON object');
    material = toTrustMaterial(TrustedRoot.fromJSON(parsed));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new SignatureError('InvalidConfiguration', `unable to parse trusted root: ${problem}`, { cause: error });
  }
  const missing = [
    ...(material.certificateAuthorities.length === 0 ? ['certificate authorities'] : []),
    ...(material.tlogs.length === 0 ? ['transparency logs'] : []),
    ...(material.ctlogs.length === 0 ? ['logs of certificates'] : []),
  ];
  if (missing.length === 0) return material;
  throw new SignatureError('InvalidConfiguration', `the trusted root has no ${missing.join(' and no ')}`);
}

interface PublicRoot {
  material: Promise<TrustMaterial>;
  askedAt: number;
  failed: boolean;
}

const publicRoots = new Map<string, PublicRoot>();

/** Where a repository of TUF is, when it is not Sigstore's own: its first root.json has then to be given. */
export interface TufRepository {
  mirrorURL: string;
  /** A file. */
  rootPath: string;
}

/**
 * Whom Sigstore's public instance says to trust, fetched and verified by TUF, once per process and day. `now`: epoch ms.
 * Throws SignatureError TrustedRootUnavailable, without asking again within a minute.
 */
export async function publicTrust(now: number, repository?: TufRepository): Promise<TrustMaterial> {
  const name = repository?.mirrorURL ?? '';
  const known = publicRoots.get(name);
  if (known && now - known.askedAt < (known.failed ? retryMs : rootAgeMs)) return known.material;
  const root: PublicRoot = { material: fetchRoot(repository), askedAt: now, failed: false };
  root.material.catch(() => {
    root.failed = true;
  });
  publicRoots.set(name, root);
  return root.material;
}

async function fetchRoot(repository: TufRepository | undefined): Promise<TrustMaterial> {
  const [{ getTrustedRoot }, { toTrustMaterial }] = await Promise.all([
    import('./sigstore-tuf.ts'),
    import('./sigstore-library.ts'),
  ]);
  // A folder that nobody else can have written into: what lies there is where the trust starts.
  const cachePath = await mkdtemp(join(tmpdir(), 'sluice-tuf-'));
  try {
    return toTrustMaterial(await getTrustedRoot({ cachePath, ...repository }));
  } catch (error) {
    throw new SignatureError(
      'TrustedRootUnavailable',
      `unable to initialize trusted root: Sigstore's public root cannot be fetched from ${repository?.mirrorURL ?? 'https://tuf-repo-cdn.sigstore.dev'}: ${problemOf(error)}; where it cannot be reached, name a Secret with trusted_root.json in spec.verify.trustedRootSecretRef`,
      { cause: error },
    );
  } finally {
    await rm(cachePath, { recursive: true, force: true });
  }
}

/** The messages along the chain of causes: TUF's own say only which step failed. */
function problemOf(error: unknown): string {
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < 4; at = at.cause) messages.push(at.message);
  return messages.length > 0 ? messages.join(': ') : String(error);
}
