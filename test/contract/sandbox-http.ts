import { request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

/** One request that both servers get. Names say what it asks, and are unique: accepted differences refer to them. */
export interface Ask {
  name: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `$key$` stands for what an earlier answer of the same server left under that key; in bodies too. */
  path: string;
  /** An object, or text that is sent as it is. */
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
  /** What later requests need of the answer: key → path, as in `metadata.uid`. */
  keep?: Record<string, string>;
  /** A watch: so many events are read, then it is closed. */
  events?: number;
  /** Asked again until the answer has this status: a controller has to do its work first. */
  until?: number;
}

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

export interface Access {
  url: string;
  token: string;
  ca: string;
}

/** A server under comparison, and what its answers left for later requests. */
export class Asked {
  readonly #access: Access;
  readonly #kept = new Map<string, string>();

  constructor(access: Access) {
    this.#access = access;
  }

  async answer(ask: Ask): Promise<Answer> {
    const end = Date.now() + 60_000;
    for (;;) {
      const answer = await this.#send(ask);
      // In the end the wrong status is told as what it is.
      if (ask.until !== undefined && answer.status !== ask.until && Date.now() < end) {
        await delay(50);
        continue;
      }
      for (const [key, path] of Object.entries(ask.keep ?? {})) this.#kept.set(key, String(at(answer.body, path)));
      return answer;
    }
  }

  #fill(text: string): string {
    return text.replace(/\$(\w+)\$/g, (whole, key: string) => this.#kept.get(key) ?? whole);
  }

  #send(ask: Ask): Promise<Answer> {
    const { url, token, ca } = this.#access;
    const body = ask.body === undefined || typeof ask.body === 'string' ? ask.body : JSON.stringify(ask.body);
    const text = body === undefined ? undefined : this.#fill(body);
    const headers = {
      authorization: `Bearer ${token}`,
      'user-agent': 'contract',
      ...(text === undefined
        ? {}
        : { 'content-type': ask.type ?? 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
      ...ask.headers,
    };
    return new Promise((resolve, reject) => {
      const call = request(`${url}${this.#fill(ask.path)}`, { method: ask.method, headers, ca }, response => {
        const chunks: Buffer[] = [];
        const finish = () => {
          clearTimeout(patience);
          const content = Buffer.concat(chunks).toString();
          const type = response.headers['content-type'] ?? '';
          resolve({
            status: response.statusCode!,
            headers: shownHeaders(response.headers),
            body: parsed(content, type, ask),
          });
          call.destroy();
        };
        // What a watch does not send within this is missing from its events, and so told.
        const patience = setTimeout(finish, 60_000);
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          if (ask.events && Buffer.concat(chunks).toString().split('\n').length > ask.events) finish();
        });
        response.on('end', finish);
      });
      call.on('error', reject);
      call.end(text);
    });
  }
}

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split('.')) found = (found as Record<string, unknown> | undefined)?.[key];
  return found;
}

function shownHeaders(headers: Record<string, string | string[] | undefined>): Record<string, unknown> {
  const warnings = headers.warning;
  return {
    'content-type': headers['content-type'],
    'retry-after': headers['retry-after'],
    // Node joins them; a comma may stand in one as well.
    warning: typeof warnings === 'string' ? warnings.split(/, (?=299 )/).sort() : warnings,
  };
}

function parsed(content: string, type: string, ask: Ask): unknown {
  if (ask.events !== undefined) return content.split('\n').filter(Boolean).slice(0, ask.events).map(parseJson);
  return type.includes('json') ? parseJson(content) : content;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const volatile: Record<string, string> = {
  uid: '<uid>',
  resourceVersion: '<rv>',
  creationTimestamp: '<time>',
  deletionTimestamp: '<time>',
  lastTransitionTime: '<time>',
  time: '<time>',
  expirationTimestamp: '<time>',
  clusterIP: '<address>',
  nodePort: '<port>',
  continue: '<token>',
  token: '<token>',
  serverAddress: '<address>',
  hash: '<hash>',
};

/** An answer without what two servers can never have in common: identities, times, what they give out, free order. */
export function comparable(answer: Answer): Answer {
  return { ...answer, headers: answer.headers, body: plain(answer.body) } as Answer;
}

function plain(value: unknown, key = ''): unknown {
  if (
    value !== undefined &&
    volatile[key] !== undefined &&
    value !== 'None' &&
    value !== '' &&
    typeof value !== 'object'
  )
    return volatile[key];
  if (typeof value === 'string') return plainText(value);
  if (Array.isArray(value)) return plainList(value, key);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  const entries = Object.entries(object).map(([name, item]) => [name, plain(item, name)] as const);
  const result = Object.fromEntries(entries);
  const causes = (object.details as { causes?: unknown[] } | undefined)?.causes;
  // Several faults come in no fixed order; they are compared as causes.
  if (object.kind === 'Status' && causes && causes.length > 1)
    result.message = String(result.message).replace(/: (\[.*\]|\d+ conflicts: .*)$/s, ': […]');
  return result;
}

function plainText(text: string): string {
  return (
    text
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
      .replace(/\b10\.\d+\.\d+\.\d+\b/g, '<address>')
      .replace(/\bA_[a-z0-9]{5}\b/g, 'A_<suffix>')
      .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<suffix>')
      .replace(/"(resourceVersion\\*":\\*")\d+/g, '"$1<rv>')
      .replace(/(current|ResourceVersion): \d+/g, '$1: <rv>')
      .replace(/in record \(\d+\)/, 'in record (<rv>)')
      .replace(/\n@@ .*$/s, '')
      // What a patch made of an object is shown in no fixed order.
      .replace(/Invalid value: "\{\\"(apiVersion|kind)\\".*\}": /s, 'Invalid value: "<patched>": ')
      // Ages as kubectl shows them, up to ten minutes.
      .replace(/^(\d{1,3}s|[2-9]m(\d{1,2}s)?)$/, '<age>')
  );
}

function plainList(values: unknown[], key: string): unknown[] {
  const items = values.map(value => plain(value));
  // Some checks of the real server run twice, and say the same twice.
  if (key === 'causes') return [...new Map(items.map(item => [order(item), item])).values()].sort(byOrder);
  return key === 'managedFields' ? items.sort(byOrder) : items;
}

function order(item: unknown): string {
  const { manager, operation, apiVersion, subresource, field, message } = item as Record<string, unknown>;
  return JSON.stringify([manager, operation, apiVersion, subresource, field, message]);
}

function byOrder(a: unknown, b: unknown): number {
  return order(a) < order(b) ? -1 : 1;
}

/** Where two answers differ: path → [sandbox, kube-apiserver]. */
export function differences(sandbox: unknown, real: unknown, path = ''): Map<string, [unknown, unknown]> {
  const found = new Map<string, [unknown, unknown]>();
  if (typeof sandbox !== 'object' || typeof real !== 'object' || sandbox === null || real === null) {
    if (sandbox !== real) found.set(path, [sandbox, real]);
    return found;
  }
  if (Array.isArray(sandbox) !== Array.isArray(real)) return found.set(path, [sandbox, real]);
  const [a, b] = [sandbox as Record<string, unknown>, real as Record<string, unknown>];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
    for (const [place, pair] of differences(a[key], b[key], `${path}/${key}`)) found.set(place, pair);
  return found;
}
