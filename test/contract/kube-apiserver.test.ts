import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtBinaries } from '../apiserver/build.ts';
import { startApiserver } from '../apiserver/cluster.ts';
import type { KubeTarget } from './kube.ts';
import { applyContract } from './kube-apply.ts';
import { clientContract } from './kube-client.ts';
import { healthContract } from './kube-health.ts';
import { proofContract } from './kube-proof.ts';

const skip = builtBinaries() ? {} : { skip: 'kube-apiserver is not built; run `npm run test:apiserver` once' };

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
healthContract(apiserver);
proofContract(apiserver);
