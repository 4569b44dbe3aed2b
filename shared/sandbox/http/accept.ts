import { Fault, notAcceptable } from '../faults.ts';

/** In which shape the client wants the answer. */
export interface Accepted {
  format: 'json' | 'yaml';
  as: 'object' | 'table' | 'partial' | 'partial-list' | 'discovery';
  /** The version of the shape, e.g. `v1` of meta.k8s.io, `v2` of apidiscovery.k8s.io. */
  version: string;
}

const shapes: Record<string, Accepted['as']> = {
  Table: 'table',
  PartialObjectMetadata: 'partial',
  PartialObjectMetadataList: 'partial-list',
  APIGroupDiscoveryList: 'discovery',
};

const plain: Accepted = { format: 'json', as: 'object', version: '' };

/**
 * Takes the first of the accepted media types that can be served: JSON always, YAML when asked for. Protobuf is passed over;
 * every client that prefers it names JSON as well.
 */
export function negotiate(header: string | undefined): Accepted {
  if (!header || header === 'application/json' || header === '*/*') return plain;
  const parts = header.split(',');
  for (const part of parts) {
    const accepted = parseMediaType(part);
    if (accepted) return accepted;
  }
  const known = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
  if (parts.some(part => known.includes(part.split(';')[0]!.trim().toLowerCase()))) throw notAcceptable(known);
  const representations = `406: Not Acceptable\n\nAvailable representations: ${known.join(', ')}`;
  throw new Fault(406, 'NotAcceptable', representations, {});
}

function parseMediaType(text: string): Accepted | undefined {
  const [type = '', ...parameters] = text.split(';').map(part => part.trim());
  const format = formatOf(type.toLowerCase());
  if (!format) return undefined;
  const values = new Map(parameters.map(parameter => parameter.split('=', 2) as [string, string]));
  const as = values.get('as');
  if (!as) return { ...plain, format };
  const shape = shapes[as];
  const version = values.get('v') ?? '';
  const group = values.get('g');
  if (!shape) return undefined;
  if (shape === 'discovery')
    return group === 'apidiscovery.k8s.io' && version === 'v2' ? { format, as: shape, version } : undefined;
  return group === 'meta.k8s.io' && (version === 'v1' || version === 'v1beta1')
    ? { format, as: shape, version }
    : undefined;
}

function formatOf(type: string): Accepted['format'] | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json';
  return type === 'application/yaml' ? 'yaml' : undefined;
}
