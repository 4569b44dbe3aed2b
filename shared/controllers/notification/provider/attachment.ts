import type { FluxEvent } from '../event/flux-event.ts';
import { objectLabel, sortedMetadata } from './provider-type.ts';

/** Slack's message with one attachment, which Discord and Rocket.Chat take too. Field names are Slack's. */
export interface SlackMessage {
  channel: string;
  username: string;
  icon_url: string;
  icon_emoji: string;
  attachments: SlackAttachment[];
}

export interface SlackAttachment {
  fallback: string;
  color: string;
  author_name: string;
  text: string;
  mrkdwn_in: string[];
  fields: { title: string; value: string; short: boolean }[];
}

export interface SlackStyle {
  channel: string;
  username: string;
  /** Color of an event of severity info, and of severity error. */
  colors: { info: string; error: string };
  /** Text for clients that show no attachments. */
  fallback: string;
}

/** The object as author, the message as text, the metadata as fields, the severity as color. */
export function slackMessage(event: FluxEvent, style: SlackStyle): SlackMessage {
  return {
    channel: style.channel,
    username: style.username,
    icon_url: '',
    icon_emoji: '',
    attachments: [
      {
        fallback: style.fallback,
        color: event.severity === 'error' ? style.colors.error : style.colors.info,
        author_name: objectLabel(event),
        text: event.message,
        mrkdwn_in: ['text'],
        fields: sortedMetadata(event).map(([title, value]) => ({ title, value, short: false })),
      },
    ],
  };
}
