import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer, BodyTooLarge, isOwnName, readBody } from './http-exchange.ts';
import { readNotification } from './notification-forms.ts';
import type { Notifications } from './notifications.ts';
import { notificationEntry, notificationsPage } from './notifications-page.ts';

/** More than any chat service takes. */
const maxBodyBytes = 256 * 1024;

/** `/notifications`: the page, its stream of new entries, and the sink that Providers post to. */
export async function serveNotifications(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  notifications: Notifications,
): Promise<void> {
  if (!isFromHere(request))
    return answer(response, 403, 'text/plain; charset=utf-8', 'notifications are shown on the machine itself only\n');
  if (path.startsWith('/notifications/sink/')) return receive(request, response, path, notifications);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return answer(response, 405, 'text/plain; charset=utf-8', 'only GET\n', { allow: 'GET, HEAD' });
  if (path === '/notifications/events') return follow(response, notifications);
  if (path === '/notifications.json' || path === '/notifications/list')
    return answer(response, 200, 'application/json', JSON.stringify(notifications.all));
  if (path !== '/notifications' && path !== '/notifications/')
    return answer(response, 404, 'text/plain; charset=utf-8', 'not found\n');
  const nonce = randomBytes(16).toString('base64');
  answer(response, 200, 'text/html; charset=utf-8', notificationsPage(notifications.all, nonce), {
    'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
  });
}

/**
 * Whether the request comes from this machine, and not by way of a page of somebody else: the gateway may be open to the
 * world for webhooks, notifications are for whoever runs it. A name that was pointed at this machine to get around the
 * browser's rules (DNS rebinding) is none of its own names.
 */
function isFromHere(request: IncomingMessage): boolean {
  const { host = '', origin } = request.headers;
  const remote = request.socket.remoteAddress ?? '';
  const loopback = remote === '::1' || /^(::ffff:)?127\./.test(remote);
  const foreignPage = origin !== undefined && origin !== `http://${host}`;
  return loopback && isOwnName(host) && !foreignPage && request.headers['x-forwarded-for'] === undefined;
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  notifications: Notifications,
): Promise<void> {
  const say = (status: number, text: string) => answer(response, status, 'text/plain; charset=utf-8', text);
  if (request.method !== 'POST') return say(405, 'only POST\n');
  const form = /^[a-z0-9-]{1,40}/.exec(path.slice('/notifications/sink/'.length))?.[0] ?? 'generic';
  try {
    const shown = readNotification(form, JSON.parse((await readBody(request, maxBodyBytes)).toString('utf8')));
    if (!shown) return say(400, 'no_text\n');
    await notifications.add({ ...shown, at: new Date().toISOString() });
    say(200, 'ok');
  } catch (error) {
    if (error instanceof BodyTooLarge) return say(413, 'too_large\n');
    if (error instanceof SyntaxError) return say(400, 'invalid_payload\n');
    throw error;
  }
}

/** Server-sent events: one finished piece of HTML each, since the server is where text is escaped. */
function follow(response: ServerResponse, notifications: Notifications): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('retry: 1000\n\n');
  const alive = setInterval(() => response.write(':\n\n'), 20_000);
  const stop = notifications.follow({
    next: one =>
      response.write(`id: ${one.id}\ndata: ${JSON.stringify({ id: one.id, html: notificationEntry(one) })}\n\n`),
    close: () => response.end(),
  });
  response.on('close', () => {
    clearInterval(alive);
    stop();
  });
}
