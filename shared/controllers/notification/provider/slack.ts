import * as z from 'zod';
import { slackMessage } from './attachment.ts';
import { jsonHeaders, objectLabel, PostFailed, type ProviderType } from './provider-type.ts';

const Answer = z.object({ ok: z.boolean(), error: z.string().optional() });

/** Slack: an incoming webhook, or the API method chat.postMessage with a bot's token. */
export const slack: ProviderType = {
  encode(event, { address, channel, username, token }) {
    const message = slackMessage(event, {
      channel,
      username: username || event.reportingController,
      colors: { info: 'good', error: 'danger' },
      fallback: `${objectLabel(event)}: ${event.message.split('\n')[0]}`,
    });
    const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    return { url: address, headers: { ...jsonHeaders, ...authorization }, body: JSON.stringify(message) };
  },
  /** The API answers 200 to everything and says in the body whether it did it; webhooks use status codes. */
  checkAnswer(url, body) {
    if (!url.pathname.endsWith('/api/chat.postMessage')) return;
    const answer = Answer.safeParse(jsonOf(body)).data;
    if (!answer) throw new PostFailed('Slack answered something that is not an API answer', { retry: true });
    if (answer.ok) return;
    const error = answer.error ?? 'unknown error';
    throw new PostFailed(`Slack responded with error: ${error}`, { retry: passing.has(error) });
  },
};

/** Errors of the API that are not about the message. */
const passing = new Set([
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
