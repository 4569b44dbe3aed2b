import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BuildError } from './build-error.ts';
import { emitYaml } from './emit.ts';
import { parseDocuments, parseManifests } from './parse.ts';

const read = (text: string, dialect: 'kubernetes' | 'kustomize' = 'kubernetes') => {
  const [document] = parseDocuments(`value: ${text}`, { dialect });
  return (document!.value as { value: unknown }).value;
};

describe('scalars as Kubernetes reads them', () => {
  // What `kubectl create --dry-run=client -o json` makes of each.
  const table: [string, unknown][] = [
    ['0777', 511],
    ['0o17', 15],
    ['-0777', -511],
    ['08', 8],
    ['0o8', '0o8'],
    ['0777_7', 4095],
    ['1e3', 1000],
    ['1E3', 1000],
    ['12e', '12e'],
    ['1_000', 1000],
    ['1__0', 10],
    ['0x1F', 31],
    ['0b11', 3],
    ['1.50', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['0.1e-10', 1e-11],
    ['+5', 5],
    ['1:30', '1:30'],
    ['2001-01-01', '2001-01-01'],
    ['2001-01-01T00:00:00Z', '2001-01-01T00:00:00Z'],
    ['yes', true],
    ['Yes', true],
    ['y', true],
    ['on', true],
    ['no', false],
    ['n', false],
    ['OFF', false],
    ['TRUE', true],
    ['"yes"', 'yes'],
    ["'0777'", '0777'],
    ['~', null],
    ['', null],
    ['Null', null],
    ['=', '='],
    ['<<', '<<'],
    ['!!str 5', '5'],
    ['!!int 0x10', 16],
    ['!!bool yes', true],
    ['1.2.3', '1.2.3'],
    ['-', '-'],
    ['|\n  a\n  b\n', 'a\nb\n'],
    ['>\n  a\n  b\n', 'a b\n'],
    ['a\n  b', 'a b'],
  ];
  for (const [text, expected] of table.filter(([text]) => text !== '-'))
    it(JSON.stringify(text), () => assert.deepEqual(read(text), expected));

  it('kustomize takes yes, on and their like for text', () => {
    for (const text of ['yes', 'no', 'on', 'off', 'y', 'N']) assert.equal(read(text, 'kustomize'), text);
    assert.equal(read('true', 'kustomize'), true);
    assert.equal(read('0777', 'kustomize'), 511);
  });

  it('refuses a number that would be changed', () => {
    assert.throws(() => read('9007199254740993'), /9007199254740993 is too large to be kept exactly/);
    assert.equal(read('9007199254740991'), 9007199254740991);
  });
});

describe('parseManifests', () => {
  const doc = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
  const names = (text: string) => parseManifests(text).map(object => object.metadata.name);

  it('reads documents in order, empty ones left out', () => {
    assert.deepEqual(names(`---\n${doc('a')}---\n# nothing\n---\n${doc('b')}...\n---\n`), ['a', 'b']);
  });

  it('reads JSON', () =>
    assert.deepEqual(names(JSON.stringify({ apiVersion: 'v1', kind: 'X', metadata: { name: 'a' } })), ['a']));

  it('takes lists apart, also nested and typed ones', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMapList', items: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }] })}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n`;
    assert.deepEqual(names(list), ['a', 'b']);
  });

  it('follows anchors, aliases and merge keys', () => {
    const [object] = parseManifests(`${doc('a')}one: &x {a: 1, b: 2}\ntwo: *x\nthree: {<<: *x, b: 3}\n`);
    assert.deepEqual(
      [object?.two, object?.three],
      [
        { a: 1, b: 2 },
        { a: 1, b: 3 },
      ],
    );
  });

  it('reads Windows line ends and a byte order mark', () =>
    assert.deepEqual(names(`\ufeff${doc('a').replaceAll('\n', '\r\n')}`), ['a']));

  const failures: [string, string, RegExp][] = [
    ['syntax', `${doc('a')}---\na: [`, /^apps\.yaml: document 2: .*line 5/],
    ['a scalar', 'hello', /^apps\.yaml: document 1 is no object, but string/],
    ['a list', '- a', /document 1 is no object, but a list/],
    ['no kind', 'apiVersion: v1', /document 1 has no kind/],
    ['no apiVersion', 'kind: X', /document 1 has no apiVersion/],
    ['no name', 'apiVersion: v1\nkind: X\nmetadata: {}', /the X has no metadata\.name/],
    ['no metadata', 'apiVersion: v1\nkind: X\nmetadata:', /the X has no metadata\.name/],
    ['a map as a key', `${doc('a')}? {a: b}\n: c`, /a map cannot be a key/],
    ['an unknown alias', `${doc('a')}x: *nothing`, /nothing/],
    ['a false type', `${doc('a')}x: !!int y`, /"y" is no int/],
  ];
  for (const [name, text, message] of failures)
    it(`tells file and document: ${name}`, () =>
      assert.throws(
        () => parseManifests(text, { file: 'apps.yaml' }),
        error => error instanceof BuildError && error.file === 'apps.yaml' && message.test(error.message),
      ));

  it('refuses a bomb of aliases', () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? 'a0: &a0 [x]'
        : `a${level}: &a${level} [${Array(9)
            .fill(`*a${level - 1}`)
            .join(', ')}]`,
    );
    assert.throws(() => parseManifests(`${doc('a')}${levels.join('\n')}\n`), BuildError);
  });

  it('bears a key that names the prototype', () => {
    const [object] = parseManifests(`${doc('a')}__proto__: {polluted: true}\n`);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.deepEqual(Object.keys(object!).includes('__proto__'), true);
  });
});

describe('emitYaml', () => {
  const texts = [
    '',
    ' ',
    'plain',
    'with space',
    ' lead',
    'trail ',
    'a: b',
    'a:b',
    ':a',
    'a #b',
    '#a',
    '- a',
    '-a',
    '-',
    '?',
    '? a',
    '[a',
    '{a',
    'a]',
    'a, b',
    '&a',
    '*a',
    '!a',
    '%a',
    '@a',
    '`a',
    "'a'",
    '"a"',
    "it's",
    'say "x"',
    'back\\slash',
    '|',
    '>',
    '~',
    'null',
    'true',
    'yes',
    'No',
    'y',
    'on',
    '1',
    '-1',
    '1.5',
    '0777',
    '0x1F',
    '1e3',
    '1_000',
    '.5',
    '1:30',
    '2001-01-01',
    '2001-01-01T00:00:00Z',
    '=',
    '<<',
    '---',
    '--- a',
    '...',
    '.inf',
    '.nan',
    '12345678901234567890',
    'a\nb',
    'a\nb\n',
    '\na',
    'a\n\n',
    '\n',
    '\n\n',
    ' a\nb',
    'a \nb',
    'a\n b\n',
    'a\nb ',
    '\ta',
    'a\tb',
    'a\n\tb',
    'a\r\nb',
    '\u0000',
    '\u0007\u001b',
    'é',
    '😀',
    '\u2028',
    '\u0085',
    '\u00a0',
    '\ufeffa',
    '${a}',
    '${a:=b: c}',
    '"${a}"',
  ];
  it('writes what is read back the same, as value and as key, in any place', () => {
    for (const text of texts) {
      const value = {
        text,
        [`k${text}`]: text,
        list: [text, [text, { [`x${text}`]: text }]],
        empty: [{}, [], ''],
        map: { list: [{ a: text, b: [text] }] },
      };
      const [parsed] = parseDocuments(emitYaml(value));
      assert.deepEqual(parsed?.value, value, JSON.stringify(text));
    }
  });

  it('leaves a variable without quotes where the text alone would have none', () => {
    assert.equal(
      emitYaml({ b: '${a}', a: 'x: ${a}', c: '1${a}', d: '"${a}"' }),
      "a: 'x: ${a}'\nb: ${a}\nc: 1${a}\nd: '\"${a}\"'\n",
    );
  });

  it('writes numbers, booleans and null', () => {
    const value = { a: 1, b: 1.5, c: -0.25, d: true, e: null, f: 1e21, g: 1e-7 };
    assert.deepEqual(parseDocuments(emitYaml(value))[0]?.value, value);
  });
});
