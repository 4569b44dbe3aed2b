/**
 * The sandbox's object functions against a real kube-apiserver: the same requests in the same order must leave the same
 * objects, managedFields included, change or not change them alike, and be refused in the same words.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Apiserver } from '../apiserver/cluster.ts';
import { apiserverMissing, startApiserver } from '../apiserver/cluster.ts';
import { coreCases } from './sandbox-objects-core.ts';
import { deploymentCases } from './sandbox-objects-deployment.ts';
import { kindCases } from './sandbox-objects-kinds.ts';
import { Model, type OpenApiDocument, Real, type Resource, type Step, timeOf } from './sandbox-objects-model.ts';
import type { Case } from './sandbox-objects-steps.ts';
import { widgetCase, widgetSchema } from './sandbox-objects-widget.ts';

const skip = apiserverMissing() ?? false;
const namespace = 'objects';

describe('object functions against kube-apiserver', { skip }, () => {
  let server: Apiserver;
  let dir: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-objects-'));
    server = await startApiserver({ dir, controllerManager: false });
    await prepareCluster(new Real(server));
  });
  after(async () => {
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  for (const one of [...deploymentCases, ...coreCases, widgetCase, ...kindCases])
    test(one.name, async t => {
      const resource: Resource = { ...one.resource, name: one.name, namespace };
      const real = new Real(server);
      const model = new Model(resource, one.resource.crd ? undefined : await document(real, resource));
      for (const [i, step] of named(one).entries()) {
        const wanted = await real.run(resource, step);
        await t.test(`${i + 1}. ${step.verb} by ${step.manager}`, () =>
          assert.deepEqual(model.run(step, timeOf(step, real.live)), wanted),
        );
        // One difference shall not be told again by every later step.
        model.live = real.live;
      }
    });
});

/** The steps, with the case's name in their objects. */
function named({ name, steps }: Case): Step[] {
  const fill = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('$name', name)) as T;
  return steps.map(step => ({ ...step, body: typeof step.body === 'function' ? step.body : fill(step.body) }));
}

async function document(real: Real, { apiVersion }: Resource): Promise<OpenApiDocument> {
  const path = apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
  return (await real.call('GET', `/openapi/v3/${path}`)).body as unknown as OpenApiDocument;
}

async function prepareCluster(real: Real): Promise<void> {
  const post = async (path: string, body: object) => {
    const { status, body: answer } = await real.call('POST', path, body);
    assert.equal(status, 201, JSON.stringify(answer));
  };
  await post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  });
  await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.sandbox.sluice.dev' },
    spec: {
      group: 'sandbox.sluice.dev',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: widgetSchema },
          subresources: { status: {} },
        },
      ],
    },
  });
  while ((await real.call('GET', '/apis/sandbox.sluice.dev/v1/widgets')).status !== 200);
}
