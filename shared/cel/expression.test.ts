import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression, ExpressionError } from './expression.ts';

const dep = {
  kind: 'Kustomization',
  metadata: { name: 'infra', generation: 2, labels: { version: 'v1.2.3', tier: 'a/b/c' } },
  status: { ready: true, n: 3, ratio: 0.5, list: [1, 2, 3], conditions: [{ type: 'Ready', status: 'True' }] },
};
const self = { metadata: { name: 'apps', labels: { version: 'v1.2.3' } } };
const variables = ['self', 'dep'];
const evaluate = (text: string) => compileExpression(text, { field: 'spec.x', variables })({ self, dep });

const table: [string, boolean][] = [
  ["dep.metadata.labels['version'] == self.metadata.labels['version']", true],
  ["dep.status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')", true],
  ["dep.status.conditions.exists(e, e.type == 'Ready' && e.status == 'False')", false],
  ['dep.metadata.generation == 2 && dep.status.n > 1 && dep.status.ratio < 1', true],
  ['dep.status.n == 3.0', true],
  ['has(dep.status.absent) || has(dep.status.n)', true],
  ['!has(dep.spec)', true],
  ["'version' in dep.metadata.labels", true],
  ["dep.metadata.labels['version'].matches('^v[0-9]+[.]')", true],
  ["dep.metadata.labels['version']\n// matches nothing\n.matches('^x')", false],
  ["(dep.metadata.labels['version']).matches('^v1') && matches('abc', '^b')", false],
  ["dep.status.conditions.exists(c, c.type.matches('^(Re)?ady$'))", true],
  ["dep.metadata.labels['tier'].split('/').last().value().split(':').first().value() == 'c'", true],
  ["dep.?status.?absent.orValue('none') == 'none'", true],
  ['sets.contains(dep.status.list, [1, 3]) && !sets.intersects(dep.status.list, [7])', true],
  ['sets.equivalent([1, 1, 2], [2, 1])', true],
  ["base64.encode(b'hello') == 'aGVsbG8=' && string(base64.decode('aGVsbG8=')) == 'hello'", true],
  ["'abcabc'.replace('b', 'x', 1) == 'axcabc' && 'abc'.charAt(1) == 'b' && 'abc'.reverse() == 'cba'", true],
  ["'ABC'.lowerAscii() == 'abc' && ' a '.trim() == 'a' && 'a-b'.indexOf('-') == 1", true],
  ["timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-02T00:00:00Z') && duration('1h') > duration('59m')", true],
  ['dep.status.list.map(x, x * 2).filter(x, x > 2).size() == 2', true],
  ['dep.status.list.all(x, dep.status.list.exists(y, y == x))', true],
];
for (const [text, expected] of table) test(text, () => assert.equal(evaluate(text), expected));

test('what cannot be compiled stalls, names the field and quotes the expression', () => {
  const refused: [string, RegExp][] = [
    [
      'dep.metadata. ==',
      /^Reconciliation failed terminally due to configuration error: spec\.x: failed to parse the CEL expression 'dep\.metadata\. =='/,
    ],
    ['dep.metadata.name', /output type mismatch: expected bool, got dyn/],
    ['1 + 1', /expected bool, got int/],
    ['other.metadata.name == "x"', /other/],
    ["dep.kind.noSuch('x') == 'y'", /noSuch/],
    ['cel.bind(x, 1, x == 1)', /cel\.bind/],
    [`'${'x'.repeat(10_001)}' == dep.kind`, /longer than 10000/],
  ];
  for (const [text, message] of refused)
    assert.throws(() => evaluate(text), { code: 'InvalidCELExpression', stalled: true, message }, text);
});

test('what cannot be evaluated says so, and is no verdict', () => {
  const failing: [string, RegExp][] = [
    [
      'dep.status.absent == 1',
      /^failed to evaluate the CEL expression 'dep\.status\.absent == 1': No such key: absent/,
    ],
    ["dep.kind.matches('(')", /failed to evaluate/],
    ['dep.constructor == 1 || dep.__proto__ == 1', /No such key/],
  ];
  for (const [text, message] of failing)
    assert.throws(() => evaluate(text), { name: 'ExpressionError', message }, text);
  const anyName = compileExpression('status.ready', { field: 'spec.x' });
  assert.equal(anyName(dep), true, 'where any name is a variable, the value decides');
  assert.throws(() => compileExpression('kind', { field: 'spec.x' })(dep), ExpressionError);
});

test('no expression keeps a worker busy', () => {
  const many = Array.from({ length: 400 }, (_, i) => i);
  const nested = 'l.all(a, l.all(b, l.all(c, l.all(d, a + b + c + d >= 0))))';
  assert.throws(() => compileExpression(nested, { field: 'spec.x' })({ l: many }), /longer than 1000 ms/);
  const hostile = `'${'a'.repeat(40)}!'.matches('^(a+)+$')`;
  assert.equal(compileExpression(hostile, { field: 'spec.x' })({}), false);
});
