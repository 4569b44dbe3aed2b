/** Events of AWS (EventBridge) that say: what a source may fetch has changed. */
import * as z from 'zod';
import { bucketUrl, normalizeUrl } from '../reconcile/repository-url.ts';

/** What a source would fetch. */
export interface Changed {
  /** What happened, for the log: `ECR Image Action of shop/app`. */
  what: string;
  /** Addresses under which the index may know it. */
  urls: string[];
  /**
   * Addresses above it, under which a HelmRepository of type oci may stand for it: `oci://host/charts` for the repository
   * `charts/app`.
   */
  parents: string[];
  /** Epoch ms; what is read after it shows the change. */
  at: number;
  /** AWS's id of the event, the same when it is delivered twice. */
  id: string;
}

/** The fields that all events have. */
const envelope = {
  id: z.string().min(1).max(128),
  account: z.string().regex(/^\d{12}$/),
  region: z.string().regex(/^[a-z0-9-]{1,40}$/),
  time: z.iso.datetime({ offset: true }),
};

const EcrEvent = z.object({
  ...envelope,
  source: z.literal('aws.ecr'),
  'detail-type': z.literal('ECR Image Action'),
  detail: z.object({
    'repository-name': z.string().min(1).max(256),
    'action-type': z.string(),
    result: z.string(),
  }),
});

const S3Event = z.object({
  ...envelope,
  source: z.literal('aws.s3'),
  'detail-type': z.enum(['Object Created', 'Object Deleted']),
  detail: z.object({ bucket: z.object({ name: z.string().min(3).max(63) }) }),
});

const CodeCommitEvent = z.object({
  ...envelope,
  source: z.literal('aws.codecommit'),
  'detail-type': z.literal('CodeCommit Repository State Change'),
  detail: z.object({ repositoryName: z.string().min(1).max(100) }),
});

const CloudEvent = z.discriminatedUnion('source', [EcrEvent, S3Event, CodeCommitEvent]);
type CloudEvent = z.infer<typeof CloudEvent>;

/**
 * What an event is about; undefined for those that change nothing that a source fetches. Throws a ZodError for what is none of
 * the events that the rules select.
 */
export function changeOf(event: unknown): Changed | undefined {
  const parsed = CloudEvent.parse(event);
  const { id, source } = parsed;
  // The time of an event has no fractions: it may have happened at the end of the second.
  const at = Date.parse(parsed.time) + 999;
  const about = (name: string) => `${parsed['detail-type']} of ${name}`;
  if (source === 'aws.s3') {
    const { name } = parsed.detail.bucket;
    return { what: about(name), urls: [bucketUrl('s3.amazonaws.com', name)], parents: [], at, id };
  }
  if (source === 'aws.codecommit') {
    const name = parsed.detail.repositoryName;
    return { what: about(name), urls: codeCommitUrls(parsed, name), parents: [], at, id };
  }
  const { result, 'action-type': action, 'repository-name': name } = parsed.detail;
  if (result !== 'SUCCESS' || action !== 'PUSH') return undefined;
  return { what: about(name), ...ecrUrls(parsed, name), at, id };
}

/** The domain of AWS in a region: China's is another. */
function domainOf({ region }: Pick<CloudEvent, 'region'>): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}

function codeCommitUrls(event: Pick<CloudEvent, 'region'>, name: string): string[] {
  const hosts = ['git-codecommit', 'git-codecommit-fips'];
  return known(hosts.map(host => `https://${host}.${event.region}.${domainOf(event)}/v1/repos/${name}`));
}

function ecrUrls(event: Pick<CloudEvent, 'account' | 'region'>, name: string): { urls: string[]; parents: string[] } {
  const { account, region } = event;
  const hosts = [
    `${account}.dkr.ecr.${region}.${domainOf(event)}`,
    `${account}.dkr.ecr-fips.${region}.${domainOf(event)}`,
    `${account}.dkr-ecr.${region}.on.aws`,
    `${account}.dkr-ecr-fips.${region}.on.aws`,
  ];
  const parts = name.split('/');
  const above = parts.map((_, length) => parts.slice(0, length).join('/'));
  return {
    urls: known(hosts.map(host => `oci://${host}/${name}`)),
    parents: known(hosts.flatMap(host => above.map(path => `oci://${host}/${path}`))),
  };
}

/** As the index writes addresses. */
function known(urls: string[]): string[] {
  return urls.map(normalizeUrl).filter(url => url !== undefined);
}
