import type { HttpHandlerOptions, RequestHandler } from '@smithy/types';
import type { HttpClient } from '../network/http.ts';

/** A request as the SDK's clients hand it over; all that are made here are POSTs with a short body. */
interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

interface SdkResponse {
  response: { statusCode: number; headers: Record<string, string>; body: Uint8Array };
}

/** Bytes of an answer: credentials and some XML. */
const limit = 256 * 1024;

/** Sends what clients of AWS's SDK ask for through our client, with the object's proxy and the rules for addresses. */
export function sdkHandler(http: HttpClient): SdkHandler {
  return new SdkHandler(http);
}

class SdkHandler implements RequestHandler<SdkRequest, SdkResponse['response'], HttpHandlerOptions> {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  async handle(request: SdkRequest): Promise<SdkResponse> {
    const port = request.port === undefined ? '' : `:${request.port}`;
    const url = new URL(`${request.protocol}//${request.hostname}${port}${request.path}`);
    for (const [name, value] of Object.entries(request.query ?? {}))
      for (const one of [value].flat()) url.searchParams.append(name, one ?? '');
    const { body } = request;
    const answer = await this.#http.read(
      {
        method: request.method === 'GET' ? 'GET' : 'POST',
        url,
        headers: request.headers,
        redirects: 0,
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : bytesOf(body as Uint8Array) }),
      },
      limit,
    );
    const headers = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
    return { response: { statusCode: answer.status, headers: Object.fromEntries(headers), body: answer.body } };
  }

  destroy(): void {}
  updateHttpClientConfig(): void {}
  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

/** Without asking it for its value: the SDK warns of that. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
