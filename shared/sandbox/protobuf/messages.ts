import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Number, name ('' when its fields belong to the parent), type, shape, and for messages the name of the message. */
export type MessageField = [
  number: number,
  name: string,
  type: 'string' | 'bytes' | 'bool' | 'int' | 'double' | 'message',
  shape: 'one' | 'list' | 'map',
  message?: string,
];

let messages: Map<string, Map<number, MessageField>> | undefined;

/** The fields of a message by number; undefined when there is no such message. Read when first asked for. */
export function messageOf(name: string): Map<number, MessageField> | undefined {
  if (!messages) {
    const text = gunzipSync(readFileSync(new URL('messages.json.gz', import.meta.url))).toString();
    const all = JSON.parse(text) as Record<string, MessageField[]>;
    messages = new Map(
      Object.entries(all).map(([key, fields]) => [key, new Map(fields.map(field => [field[0], field]))]),
    );
  }
  return messages.get(name);
}
