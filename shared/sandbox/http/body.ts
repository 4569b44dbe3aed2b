import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { badRequest, tooLarge, unsupportedMediaType } from '../faults.ts';

const limit = 3 * 1024 * 1024;
const readable = ['application/json', 'application/yaml'];

/** The whole body; refused above the API server's limit. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) throw tooLarge(`Request entity too large: limit is ${limit}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge(`Request entity too large: limit is ${limit}`);
    chunks.push(chunk);
  }
  return (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8');
}

/** `application/json; charset=utf-8` → `application/json`. */
export function contentTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/** An object out of a body in JSON or YAML. Throws 400, and 415 for protobuf and other formats. */
export function parseBody(text: string, contentType: string): unknown {
  if (
    contentType &&
    !readable.includes(contentType) &&
    !contentType.endsWith('+json') &&
    !contentType.endsWith('+yaml')
  )
    throw unsupportedMediaType(contentType, readable);
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
