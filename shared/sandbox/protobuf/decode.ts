import { roomOf } from '../resources/builtin.ts';
import { type MessageField, messageOf } from './messages.ts';

/** Bytes that are no protobuf message of Kubernetes', or of a kind that has none. */
export class ProtobufError extends Error {
  readonly code = 'NotProtobuf';
}

const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
const deepest = 64;

/** Reads one wire field after the other. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return this.#at < this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new ProtobufError('the message ends inside of a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new ProtobufError('a number is longer than ten bytes');
  }

  take(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length)
      throw new ProtobufError('the message ends inside of a field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** The next field: its number and its raw value. */
  field(): { number: number; value: bigint | Buffer } {
    const tag = Number(this.varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        return { number, value: this.varint() };
      case 1:
        return { number, value: this.take(8) };
      case 2:
        return { number, value: this.take(Number(this.varint())) };
      case 5:
        return { number, value: this.take(4) };
      default:
        throw new ProtobufError(`a field has the unknown wire type ${tag & 7}`);
    }
  }
}

/** An object in Kubernetes' protobuf form (`k8s\0`, then runtime.Unknown) as its JSON form. Throws {@link ProtobufError}. */
export function decodeObject(bytes: Buffer): Record<string, unknown> {
  if (!bytes.subarray(0, 4).equals(magic))
    throw new ProtobufError('it does not begin with the mark of Kubernetes objects');
  const envelope = decodeMessage('k8s.io.apimachinery.pkg.runtime.Unknown', bytes.subarray(4), 0);
  const { apiVersion = '', kind = '' } = (envelope.typeMeta ?? {}) as { apiVersion?: string; kind?: string };
  const raw = Buffer.from(String(envelope.raw ?? ''), 'base64');
  const name = messageNameOf(apiVersion, kind);
  return { apiVersion, kind, ...decodeMessage(name, raw, 0) };
}

function messageNameOf(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const names = [
    `k8s.io.api.${roomOf(group)}.${apiVersion.slice(slash + 1)}.${kind}`,
    `k8s.io.apimachinery.pkg.apis.meta.v1.${kind}`,
  ];
  const known = names.find(name => messageOf(name));
  if (!known) throw new ProtobufError(`there is no message for ${apiVersion} ${kind}`);
  return known;
}

function decodeMessage(name: string, bytes: Buffer, depth: number): Record<string, unknown> {
  if (depth > deepest) throw new ProtobufError('it is nested too deeply');
  const fields = messageOf(name);
  if (!fields) throw new ProtobufError(`the message ${name} is not known`);
  const result: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (reader.more) {
    const { number, value } = reader.field();
    const field = fields.get(number);
    // Fields of newer clients are passed over, as JSON's unknown fields are.
    if (field) add(result, field, value, depth);
  }
  return result;
}

function add(result: Record<string, unknown>, field: MessageField, raw: bigint | Buffer, depth: number): void {
  const [, name, , shape] = field;
  if (shape === 'map') {
    const [key, value] = decodeEntry(field, asBytes(raw), depth);
    result[name] ??= {};
    const map = result[name] as Record<string, unknown>;
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
    return;
  }
  const value = decodeValue(field, raw, depth);
  if (shape === 'list') {
    result[name] ??= [];
    (result[name] as unknown[]).push(value);
  } else if (name === '') Object.assign(result, value);
  else result[name] = value;
}

function decodeEntry(field: MessageField, bytes: Buffer, depth: number): [string, unknown] {
  const reader = new Reader(bytes);
  let key = '';
  let value: unknown = field[2] === 'message' ? decodeValue(field, Buffer.alloc(0), depth) : '';
  while (reader.more) {
    const { number, value: raw } = reader.field();
    if (number === 1) key = asBytes(raw).toString('utf8');
    else if (number === 2) value = decodeValue(field, raw, depth);
  }
  return [key, value];
}

function asBytes(value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') throw new ProtobufError('a number stands where bytes are due');
  return value;
}

function asInteger(value: bigint | Buffer): number {
  if (typeof value !== 'bigint') throw new ProtobufError('bytes stand where a number is due');
  return Number(value);
}

function decodeValue(field: MessageField, raw: bigint | Buffer, depth: number): unknown {
  switch (field[2]) {
    case 'string':
      return asBytes(raw).toString('utf8');
    case 'bytes':
      return asBytes(raw).toString('base64');
    case 'bool':
      return asInteger(raw) !== 0;
    case 'int':
      return asInteger(raw);
    case 'double':
      return asBytes(raw).readDoubleLE();
    default:
      return decodeSpecial(field[4]!, asBytes(raw), depth);
  }
}

/** Messages whose JSON form is not an object of their fields. */
function decodeSpecial(name: string, bytes: Buffer, depth: number): unknown {
  const fields = decodeMessage(name, bytes, depth + 1);
  switch (name.slice(name.lastIndexOf('.') + 1)) {
    case 'Time':
    case 'MicroTime':
      return timeOf(fields, name.endsWith('MicroTime'));
    case 'Quantity':
      return fields.string ?? '0';
    case 'IntOrString':
      return fields.type === 1 ? (fields.strVal ?? '') : (fields.intVal ?? 0);
    case 'FieldsV1':
      return embedded(fields.Raw);
    case 'RawExtension':
      return embedded(fields.raw);
    case 'ExtraValue':
    case 'Verbs':
      return fields.items ?? [];
    default:
      return fields;
  }
}

function timeOf({ seconds, nanos }: Record<string, unknown>, micro: boolean): string | null {
  if (typeof seconds !== 'number') return null;
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new ProtobufError('a time is out of range');
  const whole = date.toISOString().slice(0, 19);
  const fraction = String(Math.trunc(Number(nanos ?? 0) / 1000)).padStart(6, '0');
  return micro ? `${whole}.${fraction}Z` : `${whole}Z`;
}

function embedded(base64: unknown): unknown {
  const text = Buffer.from(String(base64 ?? ''), 'base64').toString('utf8');
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new ProtobufError('an embedded object is no JSON');
  }
}
