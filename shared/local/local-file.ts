import { rm } from 'node:fs/promises';
import { writeFileAtomically } from './write-file.ts';

/** `.sluice/local.json`: where everything is, for scripts. There from the moment all is ready until the stop. */
export interface LocalFile {
  /** Path of the kubeconfig. */
  kubeconfig: string;
  /** Address of the API server. */
  api: string;
  gateway: string;
  /** Where a push to the demo repository is told; absent without the demo, as is the next. */
  webhook?: string;
  demoRepository?: string;
  notifications: string;
  pid: number;
  /** RFC 3339. */
  startedAt: string;
}

export async function writeLocalFile(file: string, content: LocalFile): Promise<void> {
  await writeFileAtomically(file, `${JSON.stringify(content, undefined, 2)}\n`);
}

export async function removeLocalFile(file: string): Promise<void> {
  await rm(file, { force: true });
}
