import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unreachableKubeconfig } from '../../../../test/fixtures/installed.ts';
import type { KubeClient } from '../../../kube/client.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { alert, answers, complaints, event, group, handle, ns, posted, provider, world } from '../testing/alerts.ts';

describe('an event', () => {
  it('is posted to the Provider of each Alert that wants it, with the metadata of both', async () => {
    await provider('one');
    await provider('two', { type: 'slack' });
    await alert('one', { eventMetadata: { env: 'prod' } });
    await alert('two', { eventSeverity: 'info' });
    await alert('errors', { providerRef: { name: 'one' }, eventSeverity: 'error' });
    const sent = event();
    await handle(sent);
    assert.deepEqual(posted.map(post => post.path).sort(), ['/one', '/two']);
    const { body, headers } = posted.find(post => post.path === '/one')!;
    assert.deepEqual(body.metadata, { env: 'prod', revision: 'main@sha1:abc' });
    assert.equal(body.message, sent.message);
    assert.equal(headers['gotk-component'], 'kustomize-controller');
    assert.deepEqual(world.sent(), []);
  });

  it('that says the same within five minutes is left out', async () => {
    await provider('dup');
    await alert('dup');
    const sent = event();
    await handle(sent);
    await handle({ ...sent, timestamp: '2026-11-23T08:00:09Z', trace: 'b'.repeat(32) } as ToolkitEvent);
    assert.equal(posted.length, 1);
    await handle({ ...sent, metadata: { 'kustomize.toolkit.fluxcd.io/revision': 'main@sha1:def' } } as ToolkitEvent);
    assert.equal(posted.length, 2);
  });

  it('that is delivered again goes on, and is posted only where it was not', async () => {
    await provider('again');
    await alert('again');
    const sent = event();
    await handle(sent);
    await handle(sent, { redelivered: true });
    assert.equal(posted.length, 1);
    const died = event();
    // A worker that died after it had taken the event: nothing was posted.
    const { duplicateId } = await import('./duplicate.ts');
    await world.ports.index.once(duplicateId(died), 300);
    await handle(died, { redelivered: true });
    assert.equal(posted.length, 2);
  });

  it('of a cluster that is away comes back later', async () => {
    await provider('away');
    await alert('away');
    await world.register('main', unreachableKubeconfig);
    const sent = event();
    await handle(sent);
    const [later] = world.sent();
    assert.deepEqual(
      [later!.body.type, later!.body.alert, later!.body.attempt, later!.delay],
      ['notify', undefined, 2, 2],
    );
    await world.register('main');
    await handle(later!.body);
    assert.deepEqual(
      posted.map(post => post.body.message),
      [sent.message],
    );
  });

  it('shares the reading of the Alerts with others that come at the same time, and misses no new Alert', async () => {
    await provider('burst');
    const burst = Promise.all(Array.from({ length: 30 }, () => handle(event())));
    await alert('burst');
    await Promise.all([burst, handle(event())]);
    assert.ok(posted.length >= 1, 'the last event came after the Alert');
    posted.length = 0;
    const cluster = await world.ports.clusters.get('main');
    const lists = () => (cluster as KubeClient).stats.byVerb.list ?? 0;
    const before = lists();
    await Promise.all(Array.from({ length: 30 }, () => handle(event())));
    assert.equal(posted.length, 30);
    assert.ok(lists() > before && lists() - before < 10, `${lists() - before} lists for 30 events`);
  });

  it('of a cluster that was removed is no reason to try again', async () => {
    await assert.rejects(handle(event({ cluster: 'removed' })), /no cluster "removed"/);
    assert.deepEqual(world.sent(), []);
  });

  it('that only updates a commit status goes to generic Providers alone', async () => {
    await provider('generic');
    await provider('chat', { type: 'slack' });
    await alert('generic');
    await alert('chat');
    await handle(event({ metadata: { 'kustomize.toolkit.fluxcd.io/commit_status': 'update' } }));
    assert.deepEqual(
      posted.map(post => post.path),
      ['/generic'],
    );
  });

  it('reaches Alerts by the labels of its object', async () => {
    await provider('labels');
    const eventSources = (labels: Record<string, string>) => [
      { kind: 'Kustomization', name: '*', namespace: 'apps', matchLabels: labels },
    ];
    await alert('blue', { providerRef: { name: 'labels' }, eventSources: eventSources({ team: 'blue' }) });
    await alert('red', { providerRef: { name: 'labels' }, eventSources: eventSources({ team: 'red' }) });
    const sent = event();
    await world.apply({
      apiVersion: sent.involvedObject.apiVersion,
      kind: 'Kustomization',
      metadata: { name: 'web', namespace: 'apps', labels: { team: 'blue' } },
      spec: { interval: '1h', prune: true, sourceRef: { kind: 'GitRepository', name: 'x' } },
    });
    await handle(sent);
    assert.equal(posted.length, 1);
  });
});

describe('an Alert', () => {
  it('with an expression that is none hears of it, once', async () => {
    await provider('regex');
    await alert('regex', { exclusionList: ['('] });
    await handle(event());
    await handle(event());
    assert.equal(posted.length, 2);
    const found = await complaints('regex');
    assert.deepEqual(
      found.map(each => [each.reason, each.count]),
      [['InvalidConfig', 1]],
    );
  });

  it('with metadata that the event has, too, hears of it', async () => {
    await provider('conflict');
    await alert('conflict', { eventMetadata: { revision: 'mine' } });
    await handle(event());
    assert.equal(posted[0]!.body.metadata.revision, 'main@sha1:abc');
    const [found] = await complaints('conflict');
    assert.equal(found!.reason, 'MetadataAppendFailed');
    assert.match(JSON.stringify(found!.metadata.annotations), /spec\.eventMetadata/);
  });

  it('may not reach other namespaces when that is forbidden', async () => {
    await provider('tenant');
    await alert('tenant');
    await handle(event(), { noCrossNamespaceRefs: true });
    assert.equal(posted.length, 0);
    assert.match((await complaints('tenant'))[0]!.message, /cross-namespace references have been blocked/);
  });

  it('that is gone when the retry comes is not missed', async () => {
    await provider('gone');
    await alert('gone');
    answers.set('/gone', [503]);
    await handle(event());
    const [later] = world.sent();
    await world.cluster.delete({ apiVersion: group, kind: 'Alert' }, ns, 'gone');
    await handle(later!.body);
    assert.equal(posted.length, 1);
    assert.deepEqual(world.sent(), []);
  });
});
