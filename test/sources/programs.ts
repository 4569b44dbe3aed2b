/**
 * What takes long to install is installed before the tests begin, one after the other: a build within a test would be
 * taken for a test that hangs. Debian's packages come within a second, when a test asks for them.
 */
import { buildBinaries } from '../apiserver/build.ts';
import { installAwsProgram } from '../aws/install.ts';
import { installCosign } from '../programs/cosign.ts';
import { installFakeGcs } from '../programs/fake-gcs-server.ts';
import type { Say } from '../programs/install.ts';
import { installNotation } from '../programs/notation.ts';
import { installOras } from '../programs/oras.ts';

/** Ten minutes on two cores the first time, nothing afterwards. Throws what is missing for that. */
export async function installForSources(say: Say): Promise<void> {
  await buildBinaries(say);
  for (const name of ['versitygw', 'moto'] as const) await installAwsProgram(name, say);
  for (const install of [installNotation, installOras, installFakeGcs, installCosign]) await install(say);
}
