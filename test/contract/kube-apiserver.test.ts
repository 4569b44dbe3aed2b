import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiserverMissing, startApiserver } from '../apiserver/cluster.ts';
import type { KubeTarget } from './kube.ts';
import { applyContract } from './kube-apply.ts';
import { clientContract } from './kube-client.ts';
import { healthContract } from './kube-health.ts';
import { managersContract } from './kube-managers.ts';
import { proofContract } from './kube-proof.ts';

const missing = apiserverMissing();
const skip = missing ? { skip: missing } : {};

const apiserver: KubeTarget = {
  name: 'kube-apiserver',
  ...skip,
  async start() {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-kube-'));
    const server = await startApiserver({ dir, controllerManager: true });
    return {
      kubeconfig: server.kubeconfig,
      stop: async () => {
        await server.stop();
        await rm(dir, { recursive: true, force: true, maxRetries: 5 });
      },
    };
  },
};

clientContract(apiserver);
applyContract(apiserver);
managersContract(apiserver);
healthContract(apiserver);
proofContract(apiserver);
