import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import { localPorts } from '../../shared/local/local-ports.ts';
import { unreachableKubeconfig } from '../../test/fixtures/installed.ts';

const dir = mkdtempSync(join(tmpdir(), 'sluice-schedule-'));
process.env.SLUICE_DIR = dir;
const { handler } = await import('./handler.ts');
const local = localPorts({ dir, publicUrl: '' });
/** Takes requests, and never answers. */
let asked = 0;
let hungUp = 0;
const hanging = createServer(request => {
  asked++;
  request.socket.once('close', () => hungUp++);
});
await new Promise<void>(resolve => hanging.listen(0, '127.0.0.1', resolve));
after(() => {
  hanging.closeAllConnections();
  hanging.close();
  local.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a cluster that hangs neither holds the schedule nor what else it does', async () => {
  const { port } = hanging.address() as AddressInfo;
  await local.secrets.put('hangs', unreachableKubeconfig.replace('127.0.0.1:1', `127.0.0.1:${port}`));
  const access = { type: 'kubeconfig', secret: 'hangs' } as const;
  await local.index.addCluster({ name: 'hangs', access, changes: 'sweep', addedAt: 1 });
  const key = { cluster: 'hangs', kind: 'GitRepository', namespace: 'ns', name: 'app' };
  const summary = {
    ready: 'True',
    reason: '',
    message: '',
    revision: '',
    suspended: false,
    createdAt: 0,
    since: 0,
  } as const;
  await local.index.putObject({
    key,
    uid: 'u',
    generation: 1,
    resourceVersion: '1',
    dueAt: 1,
    refs: [],
    urls: [],
    summary,
  });
  // The handler keeps five seconds of it for itself; the others are enough to ask in, however busy the machine is.
  const context = { getRemainingTimeInMillis: () => 12_000 } as Context;
  await handler({} as EventBridgeEvent<string, unknown>, context);
  assert.ok(asked > 0);
  assert.equal(hungUp, 0, 'it did not wait for the request to be given up');
  assert.equal(local.queue.depth('source'), 1, 'what was due was sent');
  assert.match(
    readFileSync(join(dir, 'logs', 'sluice.log'), 'utf8'),
    /could not look at cluster hangs.*no answer within/,
  );
});
