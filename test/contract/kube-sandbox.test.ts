import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '../../shared/sandbox/server.ts';
import type { KubeTarget } from './kube.ts';
import { applyContract } from './kube-apply.ts';
import { clientContract } from './kube-client.ts';
import { healthContract } from './kube-health.ts';
import { managersContract } from './kube-managers.ts';
import { proofContract } from './kube-proof.ts';

const sandbox: KubeTarget = {
  name: 'the sandbox',
  async start() {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-kube-'));
    const server = await startSandbox({ dir });
    return {
      kubeconfig: server.kubeconfig,
      stop: async () => {
        await server.close();
        await rm(dir, { recursive: true, force: true, maxRetries: 5 });
      },
    };
  },
};

clientContract(sandbox);
applyContract(sandbox);
managersContract(sandbox);
healthContract(sandbox);
proofContract(sandbox);
