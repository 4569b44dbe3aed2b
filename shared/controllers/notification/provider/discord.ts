import { slackMessage } from './attachment.ts';
import { jsonHeaders, type ProviderType, shortened } from './provider-type.ts';

/** What Discord refuses to go beyond: it turns the attachment into an embed. */
const limits = { text: 4096, fields: 25, fieldName: 256, fieldValue: 1024, username: 80 };

/** Discord, by its endpoint for Slack's messages. The channel is part of the webhook. */
export const discord: ProviderType = {
  encode(event, { address, username }) {
    const message = slackMessage(event, {
      channel: '',
      username: shortened(username || event.reportingController, limits.username),
      colors: { info: 'good', error: 'danger' },
      fallback: '',
    });
    for (const attachment of message.attachments) {
      attachment.text = shortened(attachment.text, limits.text);
      attachment.fields = attachment.fields.slice(0, limits.fields).map(field => ({
        ...field,
        title: shortened(field.title, limits.fieldName),
        value: shortened(field.value, limits.fieldValue),
      }));
    }
    return { url: slackEndpoint(address), headers: jsonHeaders, body: JSON.stringify(message) };
  },
};

function slackEndpoint(address: URL): URL {
  if (address.href.endsWith('/slack')) return address;
  const url = new URL(address);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/slack`;
  return url;
}
