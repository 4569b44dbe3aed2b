/** What a function and its environment wrote, line by line, told apart. */

/** A line that a function wrote, with the invocation during which it did. */
export interface FunctionLine {
  function: string;
  /** Of the invocation; undefined for what was written while the function was loaded. */
  requestId: string | undefined;
  text: string;
  /** The line's content when it is a JSON object, as the functions' own log lines are. */
  json: Record<string, unknown> | undefined;
}

/** What the emulator tells of an invocation or of the function's start. */
export type EmulatorLine = { type: 'start'; requestId: string } | { type: 'init'; milliseconds: number };

/** The emulator writes START, END and REPORT between the function's lines, as Lambda does into its log group. */
export function parseStdout(
  name: string,
  text: string,
  requestId: string | undefined,
): FunctionLine | EmulatorLine | undefined {
  const start = /^START RequestId: (\S+) Version: /.exec(text);
  if (start) return { type: 'start', requestId: start[1]! };
  if (/^(END|REPORT) RequestId: /.test(text) || text === '') return undefined;
  return { function: name, requestId, text, json: jsonOf(text) };
}

/** The emulator's own log, on stderr. Its REPORT line of stdout knows nothing of how long the start took; this one does. */
export function parseStderr(text: string): EmulatorLine | undefined {
  const init = /INIT REPORT\(durationMs: ([\d.]+)\)/.exec(text);
  return init ? { type: 'init', milliseconds: Number(init[1]) } : undefined;
}

/** Lines of a stream that arrives in pieces. */
export function lineReader(onLine: (line: string) => void): (piece: Buffer | string) => void {
  let rest = '';
  return piece => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  };
}

/** Of a line, or of what console.log's prefix (time, request, level) is followed by. */
function jsonOf(text: string): Record<string, unknown> | undefined {
  const body = text.startsWith('{') ? text : text.split('\t').slice(3).join('\t');
  if (!body.startsWith('{')) return undefined;
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
