/** Endpoints that stand for Slack, Teams and the others: they keep what they get, and refuse what the real ones refuse. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';

export type SinkKind = 'slack' | 'msteams' | 'discord' | 'rocket' | 'generic';

export interface Received {
  kind: SinkKind;
  path: string;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own, checked by its schema
  body: any;
  /** Why the real service would have refused it; undefined when it would not. */
  refused: string | undefined;
  at: number;
}

export interface Sinks {
  url(kind: SinkKind, name?: string): string;
  received: Received[];
  /** The next answers, before the usual 200: for outages and throttling. */
  failNext(kind: SinkKind, statuses: number[]): void;
  close(): Promise<void>;
}

const attachment = z.object({
  color: z.string().optional(),
  author_name: z.string().optional(),
  text: z.string().min(1),
  mrkdwn_in: z.array(z.string()).optional(),
  fields: z.array(z.object({ title: z.string(), value: z.string(), short: z.boolean() })).optional(),
});
const slack = z.object({
  channel: z.string().optional(),
  username: z.string().optional(),
  icon_url: z.string().optional(),
  icon_emoji: z.string().optional(),
  text: z.string().optional(),
  attachments: z.array(attachment).min(1),
});

/** The documented shape of each service's payload, as far as messages of Flux use it. */
const schemas: Record<SinkKind, z.ZodType> = {
  slack,
  discord: slack,
  rocket: slack,
  msteams: z.union([
    z.object({
      type: z.literal('message'),
      attachments: z
        .array(
          z.object({
            contentType: z.literal('application/vnd.microsoft.card.adaptive'),
            content: z.object({
              type: z.literal('AdaptiveCard'),
              version: z.string(),
              body: z.array(z.object({ type: z.string() })).min(1),
            }),
          }),
        )
        .min(1),
    }),
    z.object({
      '@type': z.literal('MessageCard'),
      summary: z.string().min(1),
      sections: z.array(z.object({ activityTitle: z.string() })),
    }),
  ]),
  generic: z.object({
    involvedObject: z.object({ kind: z.string(), name: z.string(), namespace: z.string() }),
    severity: z.enum(['info', 'error', 'trace']),
    timestamp: z.iso.datetime({ offset: true }),
    message: z.string(),
    reason: z.string(),
    reportingController: z.string(),
  }),
};

export async function startSinks(): Promise<Sinks> {
  const received: Received[] = [];
  const failures = new Map<SinkKind, number[]>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '/';
      const kind = path.split('/')[1] as SinkKind;
      const failure = failures.get(kind)?.shift();
      if (failure) return void response.writeHead(failure, { 'retry-after': '1' }).end('not now');
      const { body, refused } = judge(kind, Buffer.concat(chunks).toString(), request.headers);
      received.push({ kind, path, headers: request.headers, body, refused, at: Date.now() });
      response.writeHead(refused ? 400 : 200).end(refused ?? 'ok');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (kind, name = 'hook') => `http://127.0.0.1:${port}/${kind}/${name}`,
    received,
    failNext: (kind, statuses) => failures.set(kind, statuses),
    close: () => new Promise(resolve => server.close(() => resolve())),
  };
}

function judge(
  kind: SinkKind,
  text: string,
  headers: IncomingHttpHeaders,
): { body: unknown; refused: string | undefined } {
  const schema = schemas[kind];
  if (!schema) return { body: text, refused: `no sink ${kind}` };
  if (!headers['content-type']?.startsWith('application/json'))
    return { body: text, refused: 'content type is not JSON' };
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { body: text, refused: 'body is not JSON' };
  }
  const parsed = schema.safeParse(body);
  return { body, refused: parsed.success ? undefined : z.prettifyError(parsed.error) };
}
