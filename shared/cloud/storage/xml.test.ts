import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseXml, textOf } from './xml.ts';

test('elements, text, entities, CDATA, comments and empty elements are read', () => {
  const root = parseXml(
    '\ufeff<?xml version="1.0"?><!-- hi --><s3:List a="b"><Key>a &amp; &lt;b&gt; &#x1F600;&#65;</Key><Key><![CDATA[<c>]]></Key><Empty/><Deep><Key>d</Key></Deep></s3:List>',
    'x',
  );
  assert.equal(root.name, 'List');
  assert.deepEqual(
    root.children.map(({ name, text }) => [name, text]),
    [
      ['Key', 'a & <b> 😀A'],
      ['Key', '<c>'],
      ['Empty', ''],
      ['Deep', ''],
    ],
  );
  assert.equal(textOf(root, 'Key'), 'a & <b> 😀A');
  assert.equal(textOf(root, 'Absent'), '');
});

const refused = [
  '',
  'text',
  '{}',
  '<a>',
  '<a></b>',
  '<a></a></a>',
  '<a/><b/>',
  '<a',
  '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
  '<a>&b;</a>',
  '<a>&</a>',
  '<a>&#x110000;</a>',
  '<a>'.repeat(200) + '</a>'.repeat(200),
];
for (const text of refused)
  test(`no XML of a storage: ${text.slice(0, 40) || '(empty)'}`, () => {
    assert.throws(() => parseXml(text, 'https://x/'), { code: 'InvalidAnswer', message: /https:\/\/x\/ answers/ });
  });

test('a long text takes no longer than its length', () => {
  const text = `<a>${'<b>'.repeat(50)}${'x'.repeat(5_000_000)}${'</b>'.repeat(50)}</a>`;
  assert.equal(parseXml(text, 'x').children.length, 1);
  // Each of these makes the parser look ahead for an end that never comes.
  assert.throws(() => parseXml(`<a>${'<!--'.repeat(20_000)}`, 'x'), { code: 'InvalidAnswer' });
});
