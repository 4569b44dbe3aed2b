import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { kubectlPath } from '../manifests/layer.ts';
import { eventually, testCluster } from './testing/cluster.ts';

const { dir } = await testCluster({ after });
const program = await kubectlPath();
const common = ['--kubeconfig', join(dir, 'kubeconfig'), '--cache-dir', join(dir, 'cache')];

interface Run {
  code: number;
  out: string;
  err: string;
}

function run(...args: string[]): Promise<Run> {
  return new Promise(resolve => {
    execFile(program, [...common, ...args], { env: { HOME: dir, PATH: process.env.PATH } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, out, err }),
    );
  });
}

/** What kubectl printed; fails with its complaint when it failed. */
async function kubectl(...args: string[]): Promise<string> {
  const { code, out, err } = await run(...args);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${err}`);
  return out.trim();
}

async function refused(...args: string[]): Promise<string> {
  const { code, err } = await run(...args);
  assert.notEqual(code, 0, `kubectl ${args.join(' ')} succeeded`);
  return err.trim();
}

function file(name: string, ...objects: object[]): string {
  const path = join(dir, name);
  writeFileSync(path, objects.map(object => stringify(object)).join('---\n'));
  return path;
}

/** The rows of a table without the columns that tell the time. */
function columns(table: string, ...wanted: string[]): string[][] {
  const [header = '', ...rows] = table.split('\n');
  const starts = wanted.map(name => header.search(new RegExp(`(^| )${name.replaceAll(/[()]/g, '\\$&')}( |$)`)));
  const begin = starts.map(start => (start > 0 ? start + 1 : start));
  return rows.map(row => begin.map(start => row.slice(start).split(/ {2,}/)[0]!.trim()));
}

function deployment(name: string, namespace: string, image: string): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'main', image, ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

const structural = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 0, description: 'How big it is.' },
        color: { type: 'string', default: 'red', enum: ['red', 'blue'] },
      },
    },
    status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
};

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', shortNames: ['wg'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: structural },
        subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
        selectableFields: [{ jsonPath: '.spec.color' }],
        additionalPrinterColumns: [
          { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
      },
      { name: 'v1beta1', served: true, storage: false, deprecated: true, schema: { openAPIV3Schema: structural } },
    ],
  },
};

function widget(name: string, spec: object): object {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, namespace: 'widgets' }, spec };
}

test('what the server is and serves', async () => {
  assert.match(await kubectl('version'), /Server Version: v1\.36\.\d+\+sluice/);
  assert.match(await kubectl('api-versions'), /^apps\/v1$/m);
  const resources = await kubectl('api-resources', '--no-headers', '-o', 'wide');
  assert.match(
    resources,
    /^deployments +deploy +apps\/v1 +true +Deployment +create,delete,deletecollection,get,list,patch,update,watch +all$/m,
  );
  assert.deepEqual(columns(await kubectl('get', 'namespaces'), 'NAME', 'STATUS'), [
    ['default', 'Active'],
    ['kube-node-lease', 'Active'],
    ['kube-public', 'Active'],
    ['kube-system', 'Active'],
  ]);
  assert.equal(await kubectl('get', '--raw', '/readyz'), 'ok');
});

test('explain reads the OpenAPI documents', async () => {
  const text = await kubectl('explain', 'deployment.spec.strategy');
  assert.match(text, /GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n\nFIELD: strategy <DeploymentStrategy>/);
  assert.match(await kubectl('explain', 'cm', '--recursive'), /binaryData\t<map\[string\]string>/);
});

test('client-side apply, patch, diff', async () => {
  await kubectl('create', 'namespace', 'clientside');
  const first = file('client.yaml', deployment('web', 'clientside', 'nginx:1'));
  assert.equal(await kubectl('apply', '-f', first), 'deployment.apps/web created');
  assert.equal(await kubectl('apply', '-f', first), 'deployment.apps/web unchanged');
  const second = file('client2.yaml', deployment('web', 'clientside', 'nginx:2'));
  const diff = await run('diff', '-f', second);
  assert.equal(diff.code, 1);
  assert.match(diff.out, /-\s+- image: nginx:1\n\+\s+- image: nginx:2/);
  assert.equal(
    await kubectl('apply', '-f', second, '--dry-run=server'),
    'deployment.apps/web configured (server dry run)',
  );
  assert.equal(await kubectl('apply', '-f', second), 'deployment.apps/web configured');
  const patch = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nginx:3"}]}}}}';
  await kubectl('patch', 'deploy', 'web', '-n', 'clientside', '-p', patch);
  const path =
    'jsonpath={.spec.template.spec.containers[*].image} {.spec.template.spec.containers[0].ports[0].containerPort}';
  assert.equal(await kubectl('get', 'deploy', 'web', '-n', 'clientside', '-o', path), 'nginx:3 80');
});

test('server-side apply, and its conflicts', async () => {
  await kubectl('create', 'namespace', 'serverside');
  const manifest = file('server.yaml', deployment('web', 'serverside', 'nginx:1'));
  const apply = (...args: string[]): string[] => ['apply', '--server-side', '-f', manifest, ...args];
  assert.equal(await kubectl(...apply('--field-manager=one')), 'deployment.apps/web serverside-applied');
  file('server.yaml', deployment('web', 'serverside', 'nginx:2'));
  assert.match(
    await refused(...apply('--field-manager=two')),
    /conflict with "one": \.spec\.template\.spec\.containers\[name="main"\]\.image/,
  );
  await kubectl(...apply('--field-manager=two', '--force-conflicts'));
  const managers = 'jsonpath={.metadata.managedFields[?(@.operation=="Apply")].manager}';
  assert.equal(
    await kubectl('get', 'deploy', 'web', '-n', 'serverside', '-o', managers, '--show-managed-fields'),
    'one two',
  );
});

test('workloads become ready; rollout, scale, tables', async () => {
  await kubectl('create', 'namespace', 'work');
  await kubectl('apply', '-f', file('work.yaml', deployment('web', 'work', 'nginx:1')));
  assert.match(
    await kubectl('rollout', 'status', 'deploy/web', '-n', 'work', '--timeout=60s'),
    /successfully rolled out/,
  );
  assert.deepEqual(
    columns(
      await kubectl('get', 'deploy', '-n', 'work', '-o', 'wide'),
      'NAME',
      'READY',
      'UP-TO-DATE',
      'IMAGES',
      'SELECTOR',
    ),
    [['web', '2/2', '2', 'nginx:1', 'app=web']],
  );
  await kubectl('scale', 'deploy/web', '-n', 'work', '--replicas=3');
  await kubectl('rollout', 'status', 'deploy/web', '-n', 'work', '--timeout=60s');
  const pods = columns(await kubectl('get', 'pods', '-n', 'work', '-l', 'app=web'), 'READY', 'STATUS');
  assert.deepEqual(pods, [
    ['1/1', 'Running'],
    ['1/1', 'Running'],
    ['1/1', 'Running'],
  ]);
  await kubectl('set', 'image', 'deploy/web', 'main=nginx:2', '-n', 'work');
  await kubectl('rollout', 'status', 'deploy/web', '-n', 'work', '--timeout=60s');
  await kubectl('autoscale', 'deploy', 'web', '-n', 'work', '--max=5', '--cpu=50%');
  assert.deepEqual(columns(await kubectl('get', 'hpa', '-n', 'work'), 'REFERENCE', 'TARGETS', 'MAXPODS'), [
    ['Deployment/web', 'cpu: <unknown>/50%', '5'],
  ]);
  const old = await kubectl(
    'get',
    'horizontalpodautoscalers.v1.autoscaling',
    'web',
    '-n',
    'work',
    '-o',
    'jsonpath={.spec}',
  );
  assert.equal(JSON.parse(old).targetCPUUtilizationPercentage, 50);
  assert.match(
    await kubectl('describe', 'deploy', 'web', '-n', 'work'),
    /Replicas: +3 desired \| 3 updated \| 3 total \| 3 available/,
  );
  await kubectl('delete', 'deploy', 'web', '-n', 'work', '--cascade=foreground');
  assert.equal(await kubectl('get', 'replicasets,pods', '-n', 'work', '-o', 'name'), '');
});

test('pods are deleted gracefully, or at once', async () => {
  await kubectl('run', 'one', '--image=nginx');
  await kubectl('wait', 'pod/one', '--for=condition=Ready', '--timeout=60s');
  await kubectl('delete', 'pod', 'one', '--timeout=60s');
  await kubectl('run', 'two', '--image=nginx');
  await kubectl('delete', 'pod', 'two', '--force', '--grace-period=0');
  assert.equal(await kubectl('get', 'pods', '-o', 'name'), '');
});

test('custom resources: columns, selectors, validation, status, scale, versions', async () => {
  await kubectl('create', 'namespace', 'widgets');
  await kubectl('apply', '-f', file('crd.yaml', definition));
  await kubectl('wait', '--for=condition=established', 'crd/widgets.example.com', '--timeout=60s');
  assert.equal(await kubectl('apply', '-f', file('a.yaml', widget('a', { size: 3 }))), 'widget.example.com/a created');
  assert.match(await kubectl('explain', 'widget.spec'), /size\t<integer> -required-\n +How big it is\./);
  const unknown = await refused('apply', '-f', file('b.yaml', widget('b', { size: 3, colour: 'red' })));
  assert.match(unknown, /strict decoding error: unknown field "spec\.colour"/);
  const negative = await refused('apply', '-f', file('c.yaml', widget('c', { size: -1 })));
  assert.match(
    negative,
    /The Widget "c" is invalid: spec\.size: Invalid value: -1: spec\.size in body should be greater than or equal to 0/,
  );
  const missing = await refused('create', '-f', file('d.yaml', widget('d', {})));
  assert.match(missing, /The Widget "d" is invalid: spec\.size: Required value/);
  const status = '{"status":{"size":3,"conditions":[{"type":"Ready","status":"True"}]},"spec":{"size":9}}';
  await kubectl('patch', 'wg', 'a', '-n', 'widgets', '--subresource=status', '--type=merge', '-p', status);
  assert.deepEqual(columns(await kubectl('get', 'wg', '-A'), 'NAMESPACE', 'NAME', 'SIZE', 'READY'), [
    ['widgets', 'a', '3', 'True'],
  ]);
  await kubectl('wait', 'wg/a', '-n', 'widgets', '--for=condition=Ready', '--timeout=60s');
  await kubectl('scale', 'wg/a', '-n', 'widgets', '--replicas=5');
  assert.equal(
    await kubectl('get', 'wg', 'a', '-n', 'widgets', '-o', 'jsonpath={.spec.size} {.metadata.generation}'),
    '5 2',
  );
  await kubectl(
    'patch',
    'wg',
    'a',
    '-n',
    'widgets',
    '--type=json',
    '-p',
    '[{"op":"replace","path":"/spec/color","value":"blue"}]',
  );
  assert.equal(
    await kubectl('get', 'wg', '-n', 'widgets', '--field-selector=spec.color=blue', '-o', 'name'),
    'widget.example.com/a',
  );
  assert.match(
    await refused('get', 'wg', '-n', 'widgets', '--field-selector=spec.size=1'),
    /field label not supported: spec\.size/,
  );
  const beta = await run('get', 'widgets.v1beta1.example.com', 'a', '-n', 'widgets', '-o', 'jsonpath={.apiVersion}');
  assert.equal(beta.out, 'example.com/v1beta1');
  await kubectl('delete', 'crd', 'widgets.example.com', '--timeout=60s');
  assert.match(
    await refused('get', 'wg', '-n', 'widgets'),
    /could not find the requested resource|doesn't have a resource type/,
  );
});

function follow(...args: string[]): { lines(): string[]; child: ChildProcess } {
  const child = spawn(program, [...common, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', chunk => {
    text += String(chunk);
  });
  // Whole ones: kubectl writes a line cell by cell.
  return { lines: () => text.split('\n').slice(0, -1), child };
}

test('a definition that says nothing is refused, with reasons', async () => {
  const empty = { ...definition, metadata: { name: 'empty.example.com' }, spec: { group: 'example.com' } };
  const reasons = await refused('create', '--validate=ignore', '-f', file('empty.yaml', empty));
  assert.match(reasons, /spec\.versions/);
});

test('get --watch prints what happens', async () => {
  await kubectl('create', 'namespace', 'seen');
  await kubectl('create', 'configmap', 'first', '-n', 'seen');
  const { lines, child } = follow('get', 'configmaps', '-n', 'seen', '--watch', '--output-watch-events');
  await eventually(
    () => lines().length,
    count => count >= 2,
  );
  await kubectl('label', 'configmap', 'first', '-n', 'seen', 'x=y');
  await kubectl('annotate', 'configmap', 'first', '-n', 'seen', 'note=1');
  await kubectl('delete', 'configmap', 'first', '-n', 'seen');
  await eventually(lines, all => all.length >= 5);
  child.kill();
  assert.deepEqual(
    lines().map(line => line.split(/ +/).slice(0, 3).join(' ')),
    ['EVENT NAME DATA', 'ADDED first 0', 'MODIFIED first 0', 'MODIFIED first 0', 'DELETED first 0'],
  );
});

test('replace, edit, sort, show-labels, deletecollection', async () => {
  await kubectl('create', 'namespace', 'misc');
  for (const [name, value] of [
    ['a', '2'],
    ['b', '1'],
  ])
    await kubectl('create', 'cm', name!, '-n', 'misc', `--from-literal=v=${value}`);
  const sorted = await kubectl('get', 'cm', '-n', 'misc', '--sort-by=.data.v', '-o', 'name');
  assert.equal(sorted, 'configmap/b\nconfigmap/a');
  const stored = JSON.parse(await kubectl('get', 'cm', 'a', '-n', 'misc', '-o', 'json'));
  const replacement = file('replace.yaml', { ...stored, data: { v: '3' } });
  await kubectl('replace', '-f', replacement);
  assert.match(await refused('replace', '-f', replacement), /the object has been modified/);
  await kubectl('replace', '--force', '-f', replacement);
  const edited = await new Promise<string>((resolve, reject) => {
    const env = { HOME: dir, PATH: process.env.PATH, KUBE_EDITOR: 'sed -i s/\\"3\\"/\\"4\\"/' };
    execFile(program, [...common, 'edit', 'cm', 'a', '-n', 'misc'], { env }, (error, out) =>
      error ? reject(error) : resolve(out),
    );
  });
  assert.match(edited, /configmap\/a edited/);
  assert.equal(await kubectl('get', 'cm', 'a', '-n', 'misc', '-o', 'jsonpath={.data.v}'), '4');
  await kubectl('label', 'cm', '--all', '-n', 'misc', 'kind=test');
  assert.deepEqual(columns(await kubectl('get', 'cm', '-n', 'misc', '--show-labels'), 'NAME', 'LABELS'), [
    ['a', 'kind=test'],
    ['b', 'kind=test'],
  ]);
  await kubectl('delete', 'cm', '--all', '-n', 'misc');
  assert.equal(await kubectl('get', 'cm', '-n', 'misc', '-o', 'name'), '');
});

test('what kubectl sends as protobuf arrives whole', async () => {
  await kubectl('create', 'namespace', 'typed');
  const args = ['-n', 'typed'];
  await kubectl('create', 'secret', 'generic', 's', '--from-literal=p=q', ...args);
  assert.equal(await kubectl('get', 'secret', 's', ...args, '-o', 'jsonpath={.data.p} {.type}'), 'cQ== Opaque');
  await kubectl('create', 'job', 'j', '--image=busybox', ...args, '--', 'sh', '-c', 'true');
  assert.equal(
    await kubectl('get', 'job', 'j', ...args, '-o', 'jsonpath={.spec.template.spec.containers[0].command}'),
    '["sh","-c","true"]',
  );
  await kubectl('create', 'ingress', 'i', '--rule=a.com/x*=svc:80', ...args);
  assert.deepEqual(columns(await kubectl('get', 'ingress', ...args), 'NAME', 'HOSTS', 'PORTS'), [['i', 'a.com', '80']]);
  const rule = await kubectl('get', 'ingress', 'i', ...args, '-o', 'jsonpath={.spec.rules[0].http.paths[0]}');
  assert.deepEqual(JSON.parse(rule), {
    backend: { service: { name: 'svc', port: { number: 80 } } },
    path: '/x',
    pathType: 'Prefix',
  });
  await kubectl('create', 'pdb', 'p', '--selector=a=b', '--min-available=50%', ...args);
  assert.deepEqual(columns(await kubectl('get', 'pdb', ...args), 'MIN AVAILABLE', 'MAX UNAVAILABLE'), [['50%', 'N/A']]);
  await kubectl('create', 'quota', 'q', '--hard=pods=3', ...args);
  assert.equal(await kubectl('get', 'quota', 'q', ...args, '-o', 'jsonpath={.spec.hard.pods}'), '3');
});

test('access: can-i, whoami, impersonation, tokens', async () => {
  assert.equal(await kubectl('auth', 'can-i', 'create', 'pods'), 'yes');
  assert.match(await kubectl('auth', 'whoami'), /Groups +\[system:masters system:authenticated\]/);
  assert.equal((await run('auth', 'can-i', 'create', 'pods', '--as=bob')).out.trim(), 'no');
  await kubectl('create', 'serviceaccount', 'bot');
  await kubectl('create', 'rolebinding', 'bot', '--clusterrole=view', '--serviceaccount=default:bot');
  const token = await kubectl('create', 'token', 'bot');
  assert.equal(await kubectl('--token', token, 'auth', 'can-i', 'list', 'configmaps'), 'yes');
  const secret = await refused('--token', token, 'get', 'secrets');
  assert.match(
    secret,
    /User "system:serviceaccount:default:bot" cannot list resource "secrets" in API group "" in the namespace "default"/,
  );
  assert.match(await refused('--token', 'wrong', 'get', 'pods'), /You must be logged in to the server/);
});
