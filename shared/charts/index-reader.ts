import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { ChartError } from './errors.ts';
import { JsonIndexReader } from './index-json.ts';
import { BlockIndexReader, OddIndex } from './index-lines.ts';
import { type ChartSink, emptyVersion, type RawVersion, validVersion } from './index-version.ts';
import { maxIndexSize } from './limits.ts';

/** YAML in any other style is read whole, which takes many times its size: only as long as it is small. Bytes. */
export const maxOddIndex = 4 * 2 ** 20;
const maxLine = 8 * 2 ** 20;
const pieceSize = 256 * 1024;

/** A chart of an index. */
export interface IndexedChart {
  name: string;
  /** How many of its versions are valid. */
  versions: number;
  /** They, as the JSON of a list of IndexedVersion: a text of its own, where objects would keep the index's text alive. */
  json: string;
}

/** Reads the index in `file`, at most 50 MiB, piece by piece. Throws ChartError InvalidIndex or TooLarge. */
export async function readIndex(file: string): Promise<IndexedChart[]> {
  const { size } = await stat(file);
  if (size > maxIndexSize) throw new ChartError('TooLarge', `the index is larger than ${maxIndexSize} bytes`);
  if (size === 0) throw new ChartError('InvalidIndex', 'empty index.yaml file');
  const charts: IndexedChart[] = [];
  const keep: ChartSink = (name, versions) =>
    void charts.push({ name: unsliced(name), versions: versions.length, json: JSON.stringify(versions) });
  try {
    if (await beginsWithBrace(file)) await readJson(file, keep);
    else await readBlocks(file, keep);
  } catch (error) {
    if (!(error instanceof OddIndex)) throw error;
    if (size > maxOddIndex)
      throw new ChartError(
        'InvalidIndex',
        `${error.message}; an index this large has to be written as Helm writes it (\`helm repo index\`)`,
        { cause: error },
      );
    charts.length = 0;
    await readWhole(file, keep);
  }
  return charts;
}

/** A copy of a part of a long text, which would otherwise stay in memory for its sake. */
function unsliced(text: string): string {
  return Buffer.from(text).toString();
}

async function beginsWithBrace(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return /^\uFEFF?\s*\{/.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await handle.close();
  }
}

function pieces(file: string): AsyncIterable<string> {
  return createReadStream(file, { encoding: 'utf8', highWaterMark: pieceSize });
}

async function readJson(file: string, sink: ChartSink): Promise<void> {
  const reader = new JsonIndexReader(sink);
  try {
    for await (const piece of pieces(file)) reader.push(piece);
    reader.end();
  } catch (error) {
    // A mapping of YAML may begin with a brace, too.
    if (error instanceof ChartError && /^not JSON/.test(error.message)) throw new OddIndex(1, error.message);
    throw error;
  }
  if (reader.apiVersion === '') throw new OddIndex(1, 'no API version specified');
}

async function readBlocks(file: string, sink: ChartSink): Promise<void> {
  const reader = new BlockIndexReader(sink);
  let rest = '';
  let isFirst = true;
  for await (const piece of pieces(file)) {
    const text = isFirst ? piece.replace(/^\uFEFF/, '') : piece;
    isFirst = false;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLine) throw new ChartError('InvalidIndex', 'the index holds a line that is too long');
    for (const line of lines) reader.line(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
  reader.line(rest);
  reader.end();
  checkApiVersion(reader.apiVersion);
}

function checkApiVersion(apiVersion: string): void {
  if (apiVersion === '') throw new ChartError('InvalidIndex', 'no API version specified');
}

/** By the library that knows all of YAML: aliases are bounded, and no key becomes a property of an object. */
async function readWhole(file: string, sink: ChartSink): Promise<void> {
  const { parseDocument } = await import('yaml');
  const bytes = await readFile(file);
  let root: unknown;
  try {
    const document = parseDocument(bytes.toString('utf8'), { uniqueKeys: true, schema: 'failsafe', merge: true });
    if (document.errors[0]) throw document.errors[0];
    root = document.toJS({ mapAsMap: true, maxAliasCount: 100 });
  } catch (cause) {
    throw new ChartError('InvalidIndex', `not YAML: ${firstLine(cause)}`, { cause });
  }
  if (!(root instanceof Map)) throw new ChartError('InvalidIndex', 'not an index: the YAML is no mapping');
  checkApiVersion(textOf(root.get('apiVersion')));
  const entries: unknown = root.get('entries');
  if (!(entries instanceof Map)) return;
  for (const [chart, versions] of entries) {
    const list = Array.isArray(versions) ? versions : [];
    const valid = list.map(version => (version instanceof Map ? validVersion(rawOf(version)) : undefined));
    sink(
      textOf(chart),
      valid.filter(version => version !== undefined),
    );
  }
}

function rawOf(map: Map<unknown, unknown>): RawVersion {
  const urls = map.get('urls');
  const raw: RawVersion = {
    ...emptyVersion(),
    urls: Array.isArray(urls) ? urls.filter(url => typeof url === 'string') : [],
  };
  for (const field of ['name', 'version', 'type', 'created', 'digest'] as const) raw[field] = textOf(map.get(field));
  return raw;
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== 'null' && value !== '~' ? value : '';
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
