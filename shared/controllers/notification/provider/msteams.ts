import type { FluxEvent } from '../event/flux-event.ts';
import { jsonHeaders, objectLabel, type ProviderType, sortedMetadata } from './provider-type.ts';

/** Teams refuses messages of more than 28 KB; these leave room for the JSON around them. Bytes, and a number of facts. */
const limits = { text: 14_000, fact: 500, facts: 20 };

/** Microsoft Teams: an adaptive card for workflows, a MessageCard for the connectors that came before them. */
export const msteams: ProviderType = {
  encode(event, { address }) {
    const card = address.hostname.endsWith('.webhook.office.com') ? messageCard(event) : adaptiveCard(event);
    return { url: address, headers: jsonHeaders, body: JSON.stringify(card) };
  },
};

function messageCard(event: FluxEvent): unknown {
  const label = objectLabel(event);
  return {
    '@type': 'MessageCard',
    '@context': 'http://schema.org/extensions',
    themeColor: event.severity === 'error' ? 'FF0000' : '0076D7',
    summary: label,
    sections: [
      {
        activityTitle: cut(event.message, limits.text),
        activitySubtitle: label,
        facts: factsOf(event).map(([name, value]) => ({ name, value })),
      },
    ],
  };
}

/** Version 1.4 is the newest that Teams shows. */
function adaptiveCard(event: FluxEvent): unknown {
  const title = { type: 'TextBlock', text: objectLabel(event), size: 'large', weight: 'bolder', wrap: true };
  const color = event.severity === 'error' ? { color: 'attention' } : {};
  const message = { type: 'TextBlock', text: cut(event.message, limits.text), ...color, wrap: true };
  const facts = factsOf(event).map(([key, value]) => ({ title: key, value }));
  // A set without facts is not valid.
  const factSet = facts.length > 0 ? [{ type: 'FactSet', facts }] : [];
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [{ type: 'Container', items: [title, message, ...factSet] }],
          msteams: { width: 'Full' },
        },
      },
    ],
  };
}

function factsOf(event: FluxEvent): [string, string][] {
  const cutFact = ([key, value]: [string, string]): [string, string] => [key, cut(value, limits.fact)];
  return sortedMetadata(event).slice(0, limits.facts).map(cutFact);
}

/** At most `bytes` of UTF-8, whole characters only. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const part = Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString();
  return `${part.replace(/\uFFFD+$/, '')}…`;
}
