import { foreignText } from '../../network/errors.ts';
import { StorageError } from './object-storage.ts';

/** Where a bucket of the S3 protocol is, and how its requests are addressed. */
export interface S3Address {
  /** Scheme, host and port of the requests. */
  origin: string;
  /** What comes before the key in a path: `/bucket/`, or `/` when the bucket is part of the host. */
  base: string;
  /** What the signature names. */
  region: string;
  /** Google's S3 knows the first version of the listing only. */
  listV1: boolean;
}

export interface S3Place {
  /** spec.endpoint: host[:port]. */
  endpoint: string;
  bucketName: string;
  insecure: boolean;
  /** What is known of the region: spec.region, or what the storage itself has said. */
  region?: string | undefined;
}

/** What a request is signed for as long as nobody has named a region. */
const defaultRegion = 'us-east-1';

/**
 * The rules of MinIO's client, which Flux uses: at AWS, Google and Alibaba the bucket is part of the host (unless a dot in
 * its name would spoil the certificate), elsewhere of the path. A bucket at AWS is asked at its region's host. Throws
 * StorageError InvalidAddress.
 */
export function s3Address({ endpoint, bucketName, insecure, region }: S3Place): S3Address {
  const given = endpointOf(endpoint, insecure);
  checkBucketName(bucketName);
  const amazon = amazonHost(given.hostname);
  const named = region ?? amazon?.region;
  const regional = amazon?.movable && named !== undefined && named !== amazon.region;
  const host = regional ? `s3.${named}.amazonaws.com${named.startsWith('cn-') ? '.cn' : ''}` : given.host;
  const google = given.hostname === 'storage.googleapis.com';
  const inHost =
    (amazon !== undefined || google || given.hostname.endsWith('.aliyuncs.com')) &&
    !(given.protocol === 'https:' && bucketName.includes('.'));
  return {
    origin: `${given.protocol}//${inHost ? `${bucketName}.` : ''}${host}`,
    base: inHost ? '/' : `/${bucketName}/`,
    region: named ?? defaultRegion,
    listV1: google,
  };
}

function endpointOf(endpoint: string, insecure: boolean): URL {
  const url = URL.parse(`${insecure ? 'http' : 'https'}://${endpoint}`);
  const plain = url && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password;
  if (!plain || !/^[^/\\@?#\s]+$/.test(endpoint) || endpoint.includes('://'))
    throw new StorageError(
      'InvalidAddress',
      `spec.endpoint "${foreignText(endpoint, 100)}" is not host[:port]; whether it is http is said by spec.insecure`,
    );
  return url;
}

function checkBucketName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._:-]{1,61}[A-Za-z0-9]$/.test(name) && !name.includes('..')) return;
  throw new StorageError(
    'InvalidAddress',
    `spec.bucketName "${foreignText(name, 100)}" is no name of a bucket: 3 to 63 letters, digits, dots and hyphens`,
  );
}

const amazonHosts = [
  // Interface endpoints of a VPC, and FIPS endpoints, stand for one region alone.
  { pattern: /^(?:bucket|accesspoint)\.vpce-.+?\.s3\.([a-z0-9-]+)\.vpce\.amazonaws\.com$/, movable: false },
  { pattern: /^s3-fips\.(?:dualstack\.)?([a-z0-9-]+)\.amazonaws\.com$/, movable: false },
  { pattern: /^s3\.(?:dualstack\.)?([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/, movable: true },
  { pattern: /^s3-([a-z0-9-]+-\d)\.amazonaws\.com$/, movable: true },
];

/** What the host says when it is one of AWS's own. */
function amazonHost(hostname: string): { region: string | undefined; movable: boolean } | undefined {
  if (hostname === 's3.amazonaws.com' || hostname === 's3-external-1.amazonaws.com')
    return { region: undefined, movable: true };
  for (const { pattern, movable } of amazonHosts) {
    const region = pattern.exec(hostname)?.[1];
    if (region !== undefined) return { region, movable };
  }
  return undefined;
}
