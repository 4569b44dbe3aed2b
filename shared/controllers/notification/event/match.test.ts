import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Alert } from '../../../api/notification/alert.ts';
import type { ToolkitEvent } from '../../../reconcile/event.ts';
import { duplicateId } from './duplicate.ts';
import { matchAlerts } from './match.ts';
import { cleanMetadata, combineMetadata, isCommitStatusUpdate } from './metadata.ts';

function event(change: Partial<ToolkitEvent> = {}): ToolkitEvent {
  return {
    type: 'event',
    cluster: 'prod',
    trace: '0'.repeat(32),
    involvedObject: {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      namespace: 'apps',
      name: 'web',
      uid: 'u',
      resourceVersion: '7',
    },
    severity: 'info',
    timestamp: '2026-11-23T08:00:00Z',
    reason: 'ReconciliationSucceeded',
    message: 'Deployment/apps/web configured\nService/apps/web created',
    metadata: {
      'kustomize.toolkit.fluxcd.io/revision': 'main@sha1:abc',
      'kustomize.toolkit.fluxcd.io/token': 'sha256:xyz',
      'kustomize.toolkit.fluxcd.io/digest': 'sha256:hidden',
      'kustomize.toolkit.fluxcd.io/Checksum': 'hidden',
      'event.toolkit.fluxcd.io/summary': 'from the object',
      'event.toolkit.fluxcd.io/team': 'blue',
      'source.toolkit.fluxcd.io/revision': 'of another group',
      plain: 'no group',
    },
    reportingController: 'kustomize-controller',
    reportingInstance: 'sluice',
    ...change,
  };
}

function alert(spec: Record<string, unknown>, namespace = 'apps'): Alert {
  return Alert.parse({
    apiVersion: 'notification.toolkit.fluxcd.io/v1beta3',
    kind: 'Alert',
    metadata: { name: 'a', namespace, uid: 'alert-uid' },
    spec: { providerRef: { name: 'p' }, eventSources: [{ kind: 'Kustomization', name: '*' }], ...spec },
  });
}

const sources = (...eventSources: Record<string, unknown>[]) => ({ eventSources });
const labels = { team: 'blue', tier: 'web' };

const table: [string, Alert, boolean][] = [
  ['every object of a kind, in the own namespace', alert({}), true],
  ['the namespace of the Alert when the source names none', alert({}, 'other'), false],
  ['another namespace', alert(sources({ kind: 'Kustomization', name: '*', namespace: 'apps' }), 'other'), true],
  ['the object by its name', alert(sources({ kind: 'Kustomization', name: 'web' })), true],
  ['another name', alert(sources({ kind: 'Kustomization', name: 'we' })), false],
  ['another kind', alert(sources({ kind: 'GitRepository', name: '*' })), false],
  [
    'one of several sources',
    alert(sources({ kind: 'GitRepository', name: '*' }, { kind: 'Kustomization', name: 'web' })),
    true,
  ],
  ['labels that are there', alert(sources({ kind: 'Kustomization', name: '*', matchLabels: { team: 'blue' } })), true],
  ['empty labels', alert(sources({ kind: 'Kustomization', name: '*', matchLabels: {} })), true],
  [
    'labels of which one is not',
    alert(sources({ kind: 'Kustomization', name: '*', matchLabels: { team: 'blue', tier: 'db' } })),
    false,
  ],
  ['severity info', alert({ eventSeverity: 'info' }), true],
  ['severity error', alert({ eventSeverity: 'error' }), false],
  ['suspended', alert({ suspend: true }), false],
  ['included', alert({ inclusionList: ['nothing', 'web configured'] }), true],
  ['not included', alert({ inclusionList: ['^web'] }), false],
  ['excluded', alert({ exclusionList: ['Service.*created'] }), false],
  ['not excluded: the dot stops at a line', alert({ exclusionList: ['configured.*created'] }), true],
  ['excluded across lines by (?s)', alert({ exclusionList: ['(?s)configured.*created'] }), false],
  ['excluded by (?i)', alert({ exclusionList: ['(?i)DEPLOYMENT'] }), false],
  ['excluded by (?m) and Go anchors', alert({ exclusionList: ['(?m)^Service/[[:alpha:]]+/web created\\z'] }), false],
  ['exclusion is stronger than inclusion', alert({ inclusionList: ['.*'], exclusionList: ['created'] }), false],
  ['an invalid exclusion excludes nothing', alert({ exclusionList: ['(?<=x)'] }), true],
  ['an invalid inclusion includes nothing', alert({ inclusionList: ['('] }), false],
];

describe('matchAlerts', () => {
  for (const [name, rule, wanted] of table)
    it(`${wanted ? 'sends' : 'leaves out'}: ${name}`, async () => {
      const { alerts } = await matchAlerts(event(), [rule], async () => labels);
      assert.equal(alerts.length, wanted ? 1 : 0);
    });

  it('sends errors to Alerts of severity info and of severity error', async () => {
    const rules = [alert({}), alert({ eventSeverity: 'error' })];
    const { alerts } = await matchAlerts(event({ severity: 'error' }), rules, async () => labels);
    assert.equal(alerts.length, 2);
  });

  it('complains of expressions that are none, naming them', async () => {
    const { complaints } = await matchAlerts(event(), [alert({ exclusionList: ['a(', 'b++'] })], async () => labels);
    assert.deepEqual(
      complaints.map(({ reason, message }) => [reason, message]),
      [
        ['InvalidConfig', 'failed to compile exclusion regex: a(: error parsing regexp: missing closing ): `a(`'],
        [
          'InvalidConfig',
          'failed to compile exclusion regex: b++: error parsing regexp: invalid nested repetition operator: `++`',
        ],
      ],
    );
  });

  it('complains when the labels of an object that is gone are needed, and asks for them only then', async () => {
    let asked = 0;
    const labelsOf = async () => {
      asked++;
      return undefined;
    };
    await matchAlerts(event(), [alert({}), alert({ suspend: true })], labelsOf);
    assert.equal(asked, 0);
    const rule = alert(sources({ kind: 'Kustomization', name: '*', matchLabels: { team: 'blue' } }));
    const { alerts, complaints } = await matchAlerts(event(), [rule], labelsOf);
    assert.equal(alerts.length, 0);
    assert.equal(complaints[0]?.message, 'error getting source object Kustomization/apps/web');
  });

  it('answers at once for an expression that would take others for ever', async () => {
    const message = `${'a'.repeat(30_000)}!`;
    const { alerts } = await matchAlerts(
      event({ message }),
      [alert({ exclusionList: ['^(a+)+$', '(a|aa)+$'] })],
      async () => labels,
    );
    assert.equal(alerts.length, 1);
  });

  it('refuses expressions beyond all bounds', async () => {
    const rule = alert({ exclusionList: ['x'.repeat(1001), '((a{30}){30}){30}'] });
    const { complaints } = await matchAlerts(event(), [rule], async () => labels);
    assert.match(complaints[0]!.message, /1001 characters; at most 1000/);
    assert.match(complaints[1]!.message, /invalid repeat count/);
  });
});

describe('metadata', () => {
  it('keeps the entries of the user and of the controller, and no digests', () => {
    assert.deepEqual(Object.keys(cleanMetadata(event()).metadata).sort(), [
      'event.toolkit.fluxcd.io/summary',
      'event.toolkit.fluxcd.io/team',
      'kustomize.toolkit.fluxcd.io/revision',
      'kustomize.toolkit.fluxcd.io/token',
    ]);
  });

  it('is stripped of its groups, the token left out', () => {
    const { metadata, conflicts } = combineMetadata(cleanMetadata(event()), alert({}));
    assert.deepEqual(metadata, { summary: 'from the object', team: 'blue', revision: 'main@sha1:abc' });
    assert.deepEqual(conflicts, {});
  });

  it('follows the precedence object, eventMetadata, summary, controller, and names what was overruled', () => {
    const rule = alert({
      eventMetadata: { summary: 'from the Alert', team: 'red', env: 'prod', revision: 'never' },
      summary: 'the deprecated one',
    });
    const { metadata, conflicts } = combineMetadata(cleanMetadata(event()), rule);
    assert.deepEqual(metadata, {
      summary: 'the deprecated one',
      team: 'red',
      env: 'prod',
      revision: 'main@sha1:abc',
    });
    assert.deepEqual(conflicts, {
      revision: ['Alert object .spec.eventMetadata', 'involved object controller metadata'],
      summary: ['involved object annotations', 'Alert object .spec.eventMetadata', 'Alert object .spec.summary'],
      team: ['involved object annotations', 'Alert object .spec.eventMetadata'],
    });
  });

  it('tells updates of commit statuses by the group of the object', () => {
    assert.equal(isCommitStatusUpdate(event()), false);
    const metadata = { 'kustomize.toolkit.fluxcd.io/commit_status': 'update' };
    assert.equal(isCommitStatusUpdate(event({ metadata })), true);
    assert.equal(
      isCommitStatusUpdate(event({ metadata: { 'event.toolkit.fluxcd.io/commit_status': 'update' } })),
      false,
    );
  });
});

describe('duplicates', () => {
  const id = duplicateId(event());
  const same: [string, Partial<ToolkitEvent>][] = [
    ['severity', { severity: 'error' }],
    ['reason', { reason: 'Other' }],
    ['time', { timestamp: '2026-11-23T08:04:59Z' }],
    ['trace', { trace: '1'.repeat(32) }],
    ['user metadata', { metadata: { ...event().metadata, 'event.toolkit.fluxcd.io/team': 'red' } }],
  ];
  const other: [string, Partial<ToolkitEvent>][] = [
    ['message', { message: 'other' }],
    ['cluster', { cluster: 'staging' }],
    ['name', { involvedObject: { ...event().involvedObject, name: 'web2' } }],
    ['kind', { involvedObject: { ...event().involvedObject, kind: 'GitRepository' } }],
    ...['revision', 'originRevision', 'token'].map((key): [string, Partial<ToolkitEvent>] => [
      key,
      { metadata: { ...event().metadata, [`kustomize.toolkit.fluxcd.io/${key}`]: 'other' } },
    ]),
  ];
  for (const [name, change] of same)
    it(`are told apart from nothing by ${name}`, () => assert.equal(duplicateId(event(change)), id));
  for (const [name, change] of other) it(`differ by ${name}`, () => assert.notEqual(duplicateId(event(change)), id));
});
