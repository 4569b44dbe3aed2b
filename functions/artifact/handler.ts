import { pipeline } from 'node:stream/promises';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { ports } from '#ports';
import { type ArtifactFormat, artifactKey, artifactOfPath } from '../../shared/artifact/layout.ts';
import { artifactSecret } from '../../shared/controllers/source/artifact-secret.ts';
import type { StoredObject } from '../../shared/ports/store.ts';

/** What an artifact is served with: it is named by its content, so it never changes. */
function headersOf(
  digest: string,
  format: ArtifactFormat,
  object: { size: number; lastModified: number },
): Record<string, string> {
  return {
    'content-type': format === 'yaml' ? 'application/yaml' : 'application/gzip',
    'content-length': String(object.size),
    etag: `"${digest}"`,
    'last-modified': new Date(object.lastModified).toUTCString(),
    'cache-control': 'private, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  };
}

/**
 * Streams an artifact: GET or HEAD of a source's `status.artifact.url`. The token in the path proves that the address was
 * given out by this installation; without it nothing is said, not even whether there is such an artifact.
 */
async function serve(event: APIGatewayProxyEventV2): Promise<Answer> {
  const { method } = event.requestContext.http;
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'only GET and HEAD', { allow: 'GET, HEAD' });
  const { store, secrets } = await ports();
  const asked = artifactOfPath(event.rawPath, await artifactSecret(secrets));
  if (!asked)
    return refusal(404, 'there is nothing at this address; status.artifact.url of the source has the current one');
  const { digest, format } = asked;
  const object = await (method === 'GET' ? store.get(artifactKey(digest)) : store.head(artifactKey(digest)));
  if (!object) return refusal(404, `the artifact ${digest} is no longer stored; the source has a newer one`);
  const headers = headersOf(digest, format, object);
  const body = 'body' in object ? (object as StoredObject).body : undefined;
  if (event.headers['if-none-match'] === headers.etag) {
    body?.destroy();
    return { statusCode: 304, headers: { etag: headers.etag! } };
  }
  return { statusCode: 200, headers, ...(body && { body }) };
}

interface Answer {
  statusCode: number;
  headers: Record<string, string>;
  body?: StoredObject['body'] | string;
}

function refusal(statusCode: number, message: string, headers: Record<string, string> = {}): Answer {
  const body = `${message}\n`;
  return { statusCode, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body };
}

/** A function URL with response streaming, since an artifact is often larger than an answer may be otherwise. */
export const handler = awslambda.streamifyResponse<APIGatewayProxyEventV2>(async (event, response) => {
  const { statusCode, headers, body } = await serve(event);
  const stream = awslambda.HttpResponseStream.from(response, { statusCode, headers });
  if (body === undefined) stream.end();
  else if (typeof body === 'string') stream.end(body);
  else {
    // Were it destroyed when the body fails, the runtime could not say so to whoever reads, and would end itself.
    await pipeline(body, stream, { end: false });
    stream.end();
  }
});
