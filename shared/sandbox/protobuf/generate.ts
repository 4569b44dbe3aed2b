/**
 * Writes messages.json.gz: the numbers, names and types of the fields of Kubernetes' protobuf messages, taken from the
 * `generated.proto` files of its Go modules. kubectl sends some of its requests in this form.
 *
 *     node shared/sandbox/protobuf/generate.ts <k8s.io/api module> <k8s.io/apimachinery module>
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { kubernetes } from '../openapi/kubernetes.ts';
import { builtinResources, reviewResources, roomOf } from '../resources/builtin.ts';
import type { MessageField } from './messages.ts';

const [api, machinery] = process.argv.slice(2);
if (!api || !machinery) {
  console.error('usage: generate.ts <folder of k8s.io/api> <folder of k8s.io/apimachinery>');
  process.exit(2);
}

const fieldPattern = /^ {2}(optional|repeated|map<string, ([\w.]+)>) ?([\w.]+)? (\w+) = (\d+);$/gm;

const files = new Set<string>();
for (const { group, versions } of builtinResources)
  for (const { name } of versions)
    if (!group.startsWith('api')) files.add(join(api, roomOf(group), name, 'generated.proto'));
for (const { group, version } of reviewResources) files.add(join(api, roomOf(group), version, 'generated.proto'));
for (const room of ['apis/meta/v1', 'api/resource', 'util/intstr', 'runtime'])
  files.add(join(machinery, 'pkg', room, 'generated.proto'));

const scalars: Record<string, MessageField[2]> = {
  string: 'string',
  bytes: 'bytes',
  bool: 'bool',
  int32: 'int',
  int64: 'int',
  double: 'double',
};

const messages: Record<string, MessageField[]> = {};
for (const file of files) read(readFileSync(file, 'utf8'));

function read(text: string): void {
  const room = /^package (\S+);/m.exec(text)![1]!;
  for (const [, name, body] of text.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const full = `${room}.${name}`;
    const properties = kubernetes().schemas[full.replace('k8s.io.', 'io.k8s.')]?.properties as object | undefined;
    messages[full] = [...body!.matchAll(fieldPattern)].map(match => field(room, properties, match));
  }
}

function field(room: string, properties: object | undefined, match: RegExpMatchArray): MessageField {
  const [, label = '', mapped, plain, name = '', number] = match;
  const type = mapped ?? plain ?? '';
  const shape = mapped ? 'map' : label === 'repeated' ? 'list' : 'one';
  const scalar = scalars[type];
  const message = type.startsWith('.') ? type.slice(1) : `${room}.${type}`;
  // What the JSON form does not name is written into its parent there.
  const inline = !scalar && properties !== undefined && !(name in properties);
  return [Number(number), inline ? '' : name, scalar ?? 'message', shape, ...(scalar ? [] : [message])] as MessageField;
}

const packed = gzipSync(JSON.stringify(messages), { level: 9 });
writeFileSync(new URL('messages.json.gz', import.meta.url), packed);
console.log(`${Object.keys(messages).length} messages, ${packed.length} bytes`);
