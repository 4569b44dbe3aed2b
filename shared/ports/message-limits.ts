/** Longest delay of a timer. */
export const maxDelaySeconds = 900;
/** Longest body, bytes of UTF-8. */
export const maxBodyBytes = 1024 * 1024;

/** A message that the queue does not take: too large, empty, or with characters that SQS refuses. */
export class MessageRefused extends Error {
  readonly code: 'MessageTooLong' | 'InvalidMessage' | 'InvalidDelay';
  constructor(code: MessageRefused['code'], message: string) {
    super(message);
    this.name = 'MessageRefused';
    this.code = code;
  }
}

/** Refuses what SQS would refuse, so that nothing works on one machine that fails on AWS. */
export function checkMessage(message: { queue: string; group: string; dedup: string; body: string }): void {
  const { queue, group, dedup, body } = message;
  const bytes = Buffer.byteLength(body);
  if (bytes > maxBodyBytes)
    throw new MessageRefused(
      'MessageTooLong',
      `a message for queue ${queue} has ${bytes} bytes, at most ${maxBodyBytes} can be queued; put what is large into the artifact store`,
    );
  if (bytes === 0) throw new MessageRefused('InvalidMessage', `a message for queue ${queue} is empty`);
  if (!group || !dedup)
    throw new MessageRefused('InvalidMessage', `a message for queue ${queue} has no group or no deduplication id`);
  if (forbidden.test(body))
    throw new MessageRefused(
      'InvalidMessage',
      `a message for queue ${queue} has characters that cannot be queued (control characters, unpaired surrogates); write it as JSON`,
    );
}

export function checkDelay(delaySeconds: number): void {
  if (!Number.isInteger(delaySeconds) || delaySeconds < 1 || delaySeconds > maxDelaySeconds)
    throw new MessageRefused(
      'InvalidDelay',
      `a timer of ${delaySeconds} s is not possible, only whole seconds from 1 to ${maxDelaySeconds}; what is later goes into the index as dueAt`,
    );
}

/**
 * The body as it can be carried: U+FFFE and U+FFFF, which SQS refuses and JSON.stringify leaves as they are, are escaped.
 * In JSON they can only stand within strings, so the text means the same; any commit message can be sent.
 */
export function carried(body: string): string {
  return body.replace(/[\uFFFE\uFFFF]/g, character => `\\u${character.charCodeAt(0).toString(16)}`);
}

/** All that XML 1.0 does not allow, which is SQS's rule. */
const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
