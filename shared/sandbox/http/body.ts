import type { IncomingMessage } from 'node:http';
import { isMap, LineCounter, parseDocument, visit } from 'yaml';
import type { Repeated } from '../crud/kernel.ts';
import { badRequest, tooLarge, unsupportedMediaType } from '../faults.ts';
import { decodeObject, ProtobufError } from '../protobuf/decode.ts';
import { jsonFault, repeatedFields } from './json-scan.ts';

const limit = 3 * 1024 * 1024;
const protobuf = 'application/vnd.kubernetes.protobuf';
const readable = ['application/json', 'application/yaml', protobuf];

/** The whole body; refused above the API server's limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) throw tooLarge(`Request entity too large: limit is ${limit}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(`Request entity too large: limit is ${limit}`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** `application/json; charset=utf-8` → `application/json`. */
export function contentTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/** What a body says, and which fields it says twice. */
export interface Parsed {
  value: unknown;
  repeated: Repeated;
}

export const nothingRepeated: Repeated = { errors: [], warnings: [] };

/** An object out of a body in JSON, YAML or Kubernetes' protobuf. Throws 400, and 415 for other formats. */
export function parseBody(body: Buffer, contentType: string, kind: string): Parsed {
  if (contentType === protobuf) return { value: fromProtobuf(body), repeated: nothingRepeated };
  if (contentType && !readable.includes(contentType)) throw unsupportedMediaType(readable);
  const text = body.toString('utf8');
  const unrecognized = (fault: string): Error =>
    badRequest(`the object provided is unrecognized (must be of type ${kind}): ${fault} (${summary(body)})`);
  if (contentType === 'application/yaml') return fromYaml(text, unrecognized);
  const fields =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  const versionless = "couldn't get version/kind; json parse error:";
  const parsed = fromJson(text, fault => unrecognized(`${versionless} ${fault}`));
  const { value } = parsed;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return parsed;
  const is = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw unrecognized(`${versionless} json: cannot unmarshal ${is} into Go value of type ${fields}`);
}

/** A patch; an apply's may be YAML. */
export function parsePatch(body: Buffer, yaml: boolean): Parsed {
  const text = body.toString('utf8');
  if (!yaml) return fromJson(text, fault => badRequest(`error decoding patch: ${fault}`));
  // What is applied is mostly JSON, which is YAML too, and read faster.
  if (/^\s*\{/.test(text)) {
    const parsed = tryJson(text);
    if (parsed) return parsed;
  }
  return fromYaml(text, fault => badRequest(`error decoding YAML: error converting YAML to JSON: ${fault}`));
}

/** What follows an error: a short text as it is, other bytes in hexadecimal. */
function summary(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const most = 30;
  const form = body[0] === 0x7b ? 'utf8' : 'hex';
  return body.length > most ? `${body.subarray(0, most).toString(form)} ...` : body.toString(form);
}

function fromJson(text: string, refused: (fault: string) => Error): Parsed {
  const parsed = tryJson(text);
  if (!parsed) throw refused(jsonFault(text));
  return parsed;
}

function tryJson(text: string): Parsed | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const texts = repeatedFields(text, value).map(path => `duplicate field ${JSON.stringify(path)}`);
  return { value, repeated: { errors: texts, warnings: texts } };
}

/** YAML as Go's library reads it: `yes` is true, and times are texts. */
function fromYaml(text: string, refused: (fault: string) => Error): Parsed {
  const lines = new LineCounter();
  const notJson = new Set(['binary', 'omap', 'pairs', 'set', 'intTime', 'floatTime', 'timestamp']);
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'yaml-1.1',
    customTags: tags => tags.filter(tag => typeof tag === 'string' || !notJson.has(tag.tag.split(':').at(-1) ?? '')),
    uniqueKeys: false,
  });
  const [fault] = document.errors;
  if (fault) throw refused(`yaml: line ${lines.linePos(fault.pos[0]).line}: ${fault.message.split('\n')[0]}`);
  const repeated: string[] = [];
  visit(document, {
    Map: (_, map) => {
      if (!isMap(map)) return;
      const names = new Set<string>();
      for (const { key } of map.items) {
        const name = String(key);
        const at = (key as { range?: [number] } | null)?.range?.[0] ?? 0;
        if (names.has(name))
          repeated.push(`line ${lines.linePos(at).line}: key ${JSON.stringify(name)} already set in map`);
        names.add(name);
      }
    },
  });
  const error = ['yaml: unmarshal errors:', ...repeated.map(one => `  ${one}`)].join('\n');
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (bomb) {
    throw refused(`yaml: ${(bomb as Error).message}`);
  }
  return { value, repeated: { errors: repeated.length > 0 ? [error] : [], warnings: repeated } };
}

function fromProtobuf(body: Buffer): unknown {
  try {
    return decodeObject(body);
  } catch (error) {
    if (error instanceof ProtobufError) throw badRequest(`the body of the request cannot be read: ${error.message}`);
    throw error;
  }
}
