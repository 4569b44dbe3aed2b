import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonFault, repeatedFields } from './json-scan.ts';

test('where a text is no JSON, in the words of the Go decoder', () => {
  const cases: [string, string][] = [
    ['', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a":1]', "invalid character ']' after object key:value pair"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['[1 2]', "invalid character '2' after array element"],
    ['{"a":1} x', "invalid character 'x' after top-level value"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":"\n"}', "invalid character '\\n' in string literal"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ];
  for (const [text, fault] of cases) assert.equal(jsonFault(text), fault, text);
});

test('fields that a text gives twice, by their paths', () => {
  const cases: [string, string[]][] = [
    ['{"a":1,"b":{"a":1}}', []],
    [' { "a" : [ 1 , -2.5e+3 ] , "b" : "\\u0041\\"" , "c" : null }\n', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"a":[{"b":1},{"b":1,"b":2,"b":3}]}', ['a[1].b', 'a[1].b']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"a":{"b":{"c":true,"c":false}}}', ['a.b.c']],
  ];
  for (const [text, paths] of cases) assert.deepEqual(repeatedFields(text, JSON.parse(text)), paths, text);
});
