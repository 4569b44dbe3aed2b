import { slackMessage } from './attachment.ts';
import { jsonHeaders, type ProviderType } from './provider-type.ts';

/** Rocket.Chat's incoming webhooks: Slack's message, with colors of its own and no name unless one is given. */
export const rocket: ProviderType = {
  encode(event, { address, channel, username }) {
    const message = slackMessage(event, {
      channel,
      username,
      colors: { info: '#0076D7', error: '#FF0000' },
      fallback: '',
    });
    return { url: address, headers: jsonHeaders, body: JSON.stringify(message) };
  },
};
