import * as z from 'zod';
import type { Notification } from './notifications.ts';

/** What a chat service would have shown of a payload. */
type Shown = Omit<Notification, 'id' | 'at'>;

const text = z.string().catch('');

/** Slack's and Rocket's webhooks, and Discord's Slack form. */
const Slack = z.object({
  username: text,
  text: text,
  attachments: z
    .array(
      z.object({
        color: text,
        author_name: text,
        text: text,
        fields: z.array(z.object({ title: text, value: text })).catch([]),
      }),
    )
    .min(1),
});

/** An adaptive card, as Teams takes it. */
const Teams = z.object({
  type: z.literal('message'),
  attachments: z.array(z.object({ content: z.object({ body: z.array(z.looseObject({ type: z.string() })) }) })).min(1),
});

/** The event itself, as the generic provider posts it. */
const Generic = z.object({
  involvedObject: z.object({ kind: z.string(), name: z.string(), namespace: text }),
  severity: text,
  message: text,
  reason: text,
  metadata: z.record(z.string(), z.string()).catch({}),
});

/** Reads what was posted to the sink; undefined when it has none of the known forms. */
export function readNotification(form: string, payload: unknown): Shown | undefined {
  const teams = Teams.safeParse(payload);
  if (teams.success) return fromTeams(form, teams.data);
  const slack = Slack.safeParse(payload);
  if (slack.success) return fromSlack(form, slack.data);
  const generic = Generic.safeParse(payload);
  return generic.success ? fromGeneric(form, generic.data) : undefined;
}

function fromSlack(form: string, payload: z.infer<typeof Slack>): Shown {
  const [first] = payload.attachments;
  const fields = first!.fields.map(({ title, value }) => ({ name: title, value }));
  return {
    form,
    who: first!.author_name || payload.username || payload.text,
    severity: /danger|^#?(ff0000|d00000|e01e5a)/i.test(first!.color) ? 'error' : 'info',
    message: first!.text || payload.text,
    ...withRevision(fields),
  };
}

function fromTeams(form: string, payload: z.infer<typeof Teams>): Shown {
  const blocks = payload.attachments[0]!.content.body.flatMap(flatten);
  const texts = blocks.filter(block => block.type === 'TextBlock').map(block => String(block.text ?? ''));
  const facts = blocks
    .flatMap(block => (Array.isArray(block.facts) ? block.facts : []))
    .map(fact => ({ name: String(fact?.title ?? ''), value: String(fact?.value ?? '') }));
  const alarming = JSON.stringify(blocks).includes('"attention"');
  return {
    form,
    who: texts[0] ?? '',
    severity: alarming ? 'error' : 'info',
    message: texts.slice(1).join('\n'),
    ...withRevision(facts),
  };
}

type Block = { type: string; [field: string]: unknown };

/** Blocks that hold blocks (containers, columns), laid out flat. */
function flatten(block: Block): Block[] {
  const inner = [block.items, block.columns].flatMap(list => (Array.isArray(list) ? (list as Block[]) : []));
  return [block, ...inner.flatMap(flatten)];
}

function fromGeneric(form: string, event: z.infer<typeof Generic>): Shown {
  const { kind, name, namespace } = event.involvedObject;
  const fields = Object.entries(event.metadata).map(([key, value]) => ({ name: key.split('/').at(-1)!, value }));
  return {
    form,
    who: `${kind.toLowerCase()}/${name}.${namespace}`,
    severity: event.severity === 'error' ? 'error' : 'info',
    message: event.message,
    ...withRevision([{ name: 'reason', value: event.reason }, ...fields]),
  };
}

function withRevision(all: { name: string; value: string }[]): Pick<Shown, 'revision' | 'fields'> {
  const isRevision = ({ name }: { name: string }) => /^revision:?$/i.test(name.trim());
  const revision = all.find(isRevision)?.value ?? '';
  return { revision, fields: all.filter(field => !isRevision(field) && field.value !== '').slice(0, 20) };
}
