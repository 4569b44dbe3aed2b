import type { FluxEvent } from '../event/flux-event.ts';
import { jsonHeaders, objectLabel, type ProviderType, shortened, sortedMetadata } from './provider-type.ts';

/** Teams refuses messages of more than 28 KB; a message this long leaves room for the facts and the JSON around it. */
const maxText = 20_000;
/** Of one fact. */
const maxFact = 1_000;

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
        activityTitle: shortened(event.message, maxText),
        activitySubtitle: label,
        facts: sortedMetadata(event).map(([name, value]) => ({ name, value: shortened(value, maxFact) })),
      },
    ],
  };
}

/** Version 1.4 is the newest that Teams shows. */
function adaptiveCard(event: FluxEvent): unknown {
  const title = { type: 'TextBlock', text: objectLabel(event), size: 'large', weight: 'bolder', wrap: true };
  const color = event.severity === 'error' ? { color: 'attention' } : {};
  const message = { type: 'TextBlock', text: shortened(event.message, maxText), ...color, wrap: true };
  const facts = sortedMetadata(event).map(([key, value]) => ({ title: key, value: shortened(value, maxFact) }));
  const factSet = { type: 'FactSet', ...(facts.length > 0 ? { facts } : {}) };
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [{ type: 'Container', items: [title, message, factSet] }],
          msteams: { width: 'Full' },
        },
      },
    ],
  };
}
