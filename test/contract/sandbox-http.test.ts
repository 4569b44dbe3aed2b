/**
 * The sandbox's HTTP interface against a real kube-apiserver: both get the same requests in the same order, and must answer
 * alike: status, headers, body. What may differ, and why, is in the one table of `sandbox-http-accepted.ts`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { startSandbox } from '../../shared/sandbox/server.ts';
import { apiserverMissing, startApiserver } from '../apiserver/cluster.ts';
import type { Ask } from './sandbox-http.ts';
import { Asked, comparable, differences } from './sandbox-http.ts';
import { acceptedDifferences, isAccepted } from './sandbox-http-accepted.ts';
import { topics } from './sandbox-http-topics.ts';

const skip = apiserverMissing() ?? false;

describe('HTTP interface against kube-apiserver', { skip }, () => {
  let sandbox: Asked;
  let real: Asked;
  const used = new Set<object>();
  const closing: (() => Promise<void>)[] = [];

  before(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-http-'));
    closing.push(async () => rmSync(dir, { recursive: true, force: true }));
    const server = await startApiserver({ dir: join(dir, 'real'), controllerManager: false });
    closing.push(() => server.stop());
    const embedded = await startSandbox({ dir: join(dir, 'sandbox'), simulate: false });
    closing.push(() => embedded.close());
    sandbox = new Asked(accessOf(embedded));
    real = new Asked(server);
  });
  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  for (const { topic, prepare, asks } of topics)
    describe(topic, () => {
      before(async () => {
        for (const ask of prepare) await Promise.all([sandbox.answer(ask), real.answer(ask)]);
      });
      for (const ask of asks) test(ask.name, () => same(ask));
    });

  async function same(ask: Ask): Promise<void> {
    const [ours, theirs] = await Promise.all([sandbox.answer(ask), real.answer(ask)]);
    const found = differences(comparable(ours), comparable(theirs));
    for (const path of [...found.keys()]) {
      const accepted = isAccepted(ask.name, path);
      if (accepted) {
        used.add(accepted);
        found.delete(path);
      }
    }
    const wanted = Object.fromEntries([...found].map(([path, pair]) => [path, pair[1]]));
    const answered = Object.fromEntries([...found].map(([path, pair]) => [path, pair[0]]));
    assert.deepEqual(answered, wanted);
  }

  test('every accepted difference is still one', () => {
    const idle = acceptedDifferences.filter(one => !used.has(one)).map(one => `${one.ask} ${one.path}`);
    assert.deepEqual(idle, []);
  });
});

function accessOf({ url, kubeconfig }: { url: string; kubeconfig: string }) {
  const config = parse(kubeconfig) as {
    users: { user: { token: string } }[];
    clusters: { cluster: { 'certificate-authority-data': string } }[];
  };
  const ca = Buffer.from(config.clusters[0]!.cluster['certificate-authority-data'], 'base64').toString();
  return { url, token: config.users[0]!.user.token, ca };
}
