/**
 * The OpenAPI v2 document in the protobuf form that clients of Kubernetes ask for (gnostic's openapi_v2.Document). Only what
 * those clients read is written; the numbers are those of gnostic's OpenAPIv2.proto.
 */

type Json = Record<string, unknown>;

/** A length-delimited field. */
function field(number: number, content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function flag(number: number, value: unknown): Buffer {
  return value === true ? Buffer.concat([varint(number << 3), varint(1)]) : Buffer.alloc(0);
}

function text(number: number, value: unknown): Buffer {
  return typeof value === 'string' && value !== '' ? field(number, value) : Buffer.alloc(0);
}

function named(number: number, name: string, value: Buffer): Buffer {
  return field(number, Buffer.concat([field(1, name), field(2, value)]));
}

/** The `x-…` fields, each as YAML, of which JSON is a part. */
function extensions(number: number, source: Json): Buffer[] {
  return Object.entries(source)
    .filter(([key]) => key.startsWith('x-'))
    .map(([key, value]) => named(number, key, field(2, JSON.stringify(value))));
}

const numbers = { multipleOf: 6, maximum: 7, minimum: 9 };
const flags = { exclusiveMaximum: 8, exclusiveMinimum: 10, uniqueItems: 16 };
const counts = { maxLength: 11, minLength: 12, maxItems: 14, minItems: 15, maxProperties: 17, minProperties: 18 };

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint((number << 3) | 1), bytes]);
}

function schema(source: Json): Buffer {
  const parts: Buffer[] = [
    text(1, source.$ref),
    text(2, source.format),
    text(3, source.title),
    text(4, source.description),
    text(13, source.pattern),
  ];
  if (source.default !== undefined) parts.push(field(5, field(2, JSON.stringify(source.default))));
  for (const [name, number] of Object.entries(numbers))
    if (typeof source[name] === 'number') parts.push(double(number, source[name]));
  for (const [name, number] of Object.entries(flags)) parts.push(flag(number, source[name]));
  for (const [name, number] of Object.entries(counts))
    if (typeof source[name] === 'number') parts.push(varint(number << 3), varint(source[name]));
  for (const name of (source.required ?? []) as string[]) parts.push(field(19, name));
  for (const value of (source.enum ?? []) as unknown[]) parts.push(field(20, field(2, JSON.stringify(value))));
  if (typeof source.type === 'string') parts.push(field(22, field(1, source.type)));
  return Buffer.concat([...parts, ...nested(source), ...extensions(31, source)]);
}

function nested(source: Json): Buffer[] {
  const parts: Buffer[] = [];
  const additional = source.additionalProperties;
  if (typeof additional === 'boolean') parts.push(field(21, flag(2, additional)));
  else if (additional) parts.push(field(21, field(1, schema(additional as Json))));
  if (source.items) parts.push(field(23, field(1, schema(source.items as Json))));
  for (const one of (source.allOf ?? []) as Json[]) parts.push(field(24, schema(one)));
  if (source.properties) parts.push(field(25, schemas(source.properties as Record<string, Json>)));
  return parts;
}

function schemas(source: Record<string, Json>): Buffer {
  return Buffer.concat(Object.entries(source).map(([name, one]) => named(1, name, schema(one))));
}

function parameter(source: Json): Buffer {
  if (source.in === 'body') {
    const parts = [
      text(2, source.name),
      text(3, 'body'),
      flag(4, source.required),
      field(5, schema({ type: 'object' })),
    ];
    return field(1, field(1, Buffer.concat(parts)));
  }
  const common = [flag(1, source.required), text(2, source.in), text(3, source.description), text(4, source.name)];
  const inPath = source.in === 'path';
  const parts = [...common, text(inPath ? 5 : 6, source.type), flag(inPath ? 19 : 20, source.uniqueItems)];
  return field(1, field(2, field(inPath ? 4 : 3, Buffer.concat(parts))));
}

function operation(source: Json): Buffer {
  const responses = Object.entries((source.responses ?? {}) as Record<string, Json>).map(([code, one]) =>
    named(1, code, field(1, text(1, one.description))),
  );
  return Buffer.concat([
    ...((source.parameters ?? []) as Json[]).map(one => field(8, parameter(one))),
    field(9, Buffer.concat(responses)),
    ...extensions(13, source),
  ]);
}

const methods = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(source: Json): Buffer {
  const parts: Buffer[] = [];
  for (const [method, number] of Object.entries(methods))
    if (source[method]) parts.push(field(number, operation(source[method] as Json)));
  for (const one of (source.parameters ?? []) as Json[]) parts.push(field(9, parameter(one)));
  return Buffer.concat(parts);
}

/** The bytes of a document that `swagger()` made. */
export function swaggerProtobuf(document: Json): Buffer {
  const info = document.info as Json;
  const paths = Object.entries(document.paths as Record<string, Json>);
  return Buffer.concat([
    field(1, '2.0'),
    field(2, Buffer.concat([text(1, info.title), text(2, info.version)])),
    field(8, Buffer.concat(paths.map(([path, item]) => named(2, path, pathItem(item))))),
    field(9, schemas(document.definitions as Record<string, Json>)),
  ]);
}
