import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { badRequest, tooLarge, unsupportedMediaType } from '../faults.ts';
import { decodeObject, ProtobufError } from '../protobuf/decode.ts';

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

/** An object out of a body in JSON, YAML or Kubernetes' protobuf. Throws 400, and 415 for other formats. */
export function parseBody(body: Buffer, contentType: string): unknown {
  if (contentType === protobuf) return fromProtobuf(body);
  if (
    contentType &&
    !readable.includes(contentType) &&
    !contentType.endsWith('+json') &&
    !contentType.endsWith('+yaml')
  )
    throw unsupportedMediaType(contentType, readable);
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!contentType.endsWith('yaml'))
      throw badRequest(`the body of the request is no JSON: ${String((error as Error).message)}`);
  }
  try {
    return parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw badRequest(`the body of the request is no YAML: ${String((error as Error).message)}`);
  }
}

function fromProtobuf(body: Buffer): unknown {
  try {
    return decodeObject(body);
  } catch (error) {
    if (error instanceof ProtobufError) throw badRequest(`the body of the request cannot be read: ${error.message}`);
    throw error;
  }
}
