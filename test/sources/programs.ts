/**
 * What takes long to install is installed before the tests begin, one after the other: a build within a test would be
 * taken for a test that hangs, and of two that update Debian's package lists at a time one is turned away.
 */
import { buildBinaries } from '../apiserver/build.ts';
import { installAwsProgram } from '../aws/install.ts';
import { installCosign } from '../programs/cosign.ts';
import { installFakeGcs } from '../programs/fake-gcs-server.ts';
import { debianProgram, type Say } from '../programs/install.ts';
import { installNotation } from '../programs/notation.ts';
import { installOras } from '../programs/oras.ts';

/** What the tests use of Debian's packages. */
const debian = [
  ['docker-registry', 'usr/bin/docker-registry'],
  ['openssh-server', 'usr/sbin/sshd'],
  ['libwrap0', 'usr/lib'],
  ['libnss-wrapper', 'usr/lib'],
  ['tinyproxy-bin', 'usr/bin/tinyproxy'],
  ['microsocks', 'usr/bin/microsocks'],
] as const;

/** Ten minutes on two cores the first time, nothing afterwards. Throws what is missing for that. */
export async function installForSources(say: Say): Promise<void> {
  await buildBinaries(say);
  for (const name of ['versitygw', 'moto'] as const) await installAwsProgram(name, say);
  for (const [name, used] of debian) await debianProgram(name, used, say);
  for (const install of [installNotation, installOras, installFakeGcs, installCosign]) await install(say);
}
