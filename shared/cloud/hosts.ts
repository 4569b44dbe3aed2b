/**
 * Which hosts are the clouds' own. Only these are given credentials: an object names the host, and whoever can write objects
 * must not have them sent to a server of his.
 */
import { foreignText } from '../network/errors.ts';
import { notSignedIn } from './errors.ts';
import type { CloudProvider } from './request.ts';

/** A registry at AWS. */
export interface EcrHost {
  /** `public`: public.ecr.aws, whose tokens are given out in us-east-1. */
  kind: 'private' | 'public';
  region: string;
  fips: boolean;
}

/** AWS's domains, of all partitions. */
const awsDomains = [
  'amazonaws\\.com',
  'amazonaws\\.com\\.cn',
  'amazonaws\\.eu',
  'sc2s\\.sgov\\.gov',
  'c2s\\.ic\\.gov',
  'cloud\\.adc-e\\.uk',
  'csp\\.hci\\.ic\\.gov',
];
const region = '([a-z0-9][a-z0-9-]{1,40})';
const ecr = new RegExp(`^[0-9]+\\.dkr[.-]ecr(-fips)?\\.${region}\\.(?:${awsDomains.join('|')}|on\\.aws)$`);
const codeCommit = new RegExp(`^git-codecommit(?:-fips)?\\.${region}\\.(?:${awsDomains.join('|')})$`);
const acr = /^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.azurecr\.(?:io|cn|de|us)$/;
const google = /^(?:(?:[a-z0-9-]+\.)*gcr\.io|[a-z0-9-]+-docker\.pkg\.dev|docker\.s3nsregistry\.fr)$/;
const azureDevOps = /^(?:dev\.azure\.com|[a-z0-9-]+\.visualstudio\.com)$/;
/** Global, regional, FIPS, and those of VPC endpoints. */
const sts = /^(?:[a-z0-9-]+\.)?sts(?:-fips)?(?:\.[a-z0-9-]+)?(?:\.vpce)?\.amazonaws\.com(?:\.cn)?$/;

/** The host of a registry as it is compared: lower case, without the port that https has anyway. Throws CloudError. */
function bareHost(registry: string): string {
  return registry.toLowerCase().replace(/:443$/, '').replace(/\/.*$/, '');
}

function notOf(provider: CloudProvider, what: string, host: string, examples: string): Error {
  return notSignedIn(
    `'${foreignText(host, 100)}' is no ${what}, so that no credentials of provider '${provider}' are sent there; set spec.url to one like ${examples}, or spec.provider to generic`,
  );
}

/** Reads what an ECR host says. Throws CloudError for others. */
export function ecrHost(registry: string): EcrHost {
  const host = bareHost(registry);
  if (host === 'public.ecr.aws') return { kind: 'public', region: 'us-east-1', fips: false };
  const [, fips, found] = ecr.exec(host) ?? [];
  if (found === undefined)
    throw notOf('aws', 'registry of AWS', registry, '<account>.dkr.ecr.<region>.amazonaws.com or public.ecr.aws');
  return { kind: 'private', region: found, fips: fips !== undefined };
}

/** The host of an Azure registry. Throws CloudError for others. */
export function acrHost(registry: string): string {
  const host = bareHost(registry);
  if (!acr.test(host)) throw notOf('azure', 'registry of Azure', registry, '<name>.azurecr.io');
  return host;
}

/** Throws CloudError unless the host is a registry of Google. */
export function checkGoogleRegistry(registry: string): void {
  if (!google.test(bareHost(registry)))
    throw notOf('gcp', 'registry of Google', registry, '<location>-docker.pkg.dev or gcr.io');
}

/** The region of a CodeCommit repository. Throws CloudError for other URLs. */
export function codeCommitRegion(url: URL): string {
  const found = codeCommit.exec(url.hostname)?.[1];
  if (found === undefined || !overTls(url))
    throw notOf('aws', 'repository of CodeCommit over https', shownOf(url), codeCommitExample);
  return found;
}

const codeCommitExample = 'https://git-codecommit.<region>.amazonaws.com/v1/repos/<name>';

/** Throws CloudError unless the URL is one of Azure DevOps. */
export function checkAzureDevOps(url: URL): void {
  if (!azureDevOps.test(url.hostname) || !overTls(url))
    throw notOf(
      'azure',
      'repository of Azure DevOps over https',
      shownOf(url),
      'https://dev.azure.com/<organization>/<project>/_git/<repository>',
    );
}

/** An STS endpoint that an object names. Throws CloudError for what is none of AWS's. */
export function stsEndpoint(endpoint: string): string {
  const url = URL.parse(endpoint);
  if (url && overTls(url) && sts.test(url.hostname) && url.pathname === '/' && url.search === '' && url.username === '')
    return url.origin;
  throw notSignedIn(
    `invalid STS endpoint: '${foreignText(endpoint, 200)}' is none of AWS's; set spec.sts.endpoint to one like https://sts.eu-west-1.amazonaws.com`,
  );
}

function overTls(url: URL): boolean {
  return url.protocol === 'https:' && url.port === '';
}

function shownOf(url: URL): string {
  return `${url.protocol}//${url.host}`;
}
