/** Findings of cdk-nag that stay, one by one, each with its reason. A test compares them with what is found. */
import { Token, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { seesClusters } from './constructs/functions.ts';
import { type FunctionName, functionNames } from './function-settings.ts';
import type { Installation } from './installation.ts';
import { type Folder, serviceOf } from './permissions.ts';

export interface Acknowledgement {
  construct: IConstruct;
  /** As cdk-nag calls the finding. */
  id: string;
  reason: string;
}

/** Tells cdk-nag. */
export function acknowledge(parts: Installation): void {
  for (const { construct, id, reason } of acknowledgements(parts))
    Validations.of(construct).acknowledge({ id, reason });
}

/** Which folders of the bucket a function's role names, with a wildcard for what is in them. */
const folders: Record<FunctionName, Folder[]> = {
  webhook: ['pending'],
  artifact: ['artifacts'],
  source: ['artifacts', 'sources'],
  kustomize: ['artifacts', 'builds', 'applying'],
  notification: ['pending'],
  timer: [],
  schedule: ['artifacts', 'builds', 'applying', 'pending', 'sources', 'sweep'],
  'dead-letter': [],
  'cloud-event': [],
};

const folderReasons: Record<Folder, string> = {
  artifacts: 'Artifacts are named by their digests, which nobody knows before they are made',
  builds: 'Kept builds are named by the digest of what they were built from',
  applying: 'Notes on what is being applied are named by their Kustomizations, which come and go',
  pending: 'Bodies of webhooks that wait for their cluster have random names',
  sources: 'Answers of remotes and indexes are named by digests of what was asked',
  sweep: 'What the schedule remembers of the store lies in a folder of its own',
};

const makesAddresses: FunctionName[] = ['artifact', 'source'];

export function acknowledgements({ state, service, config }: Installation): Acknowledgement[] {
  return [
    {
      construct: state.artifacts,
      id: 'AwsSolutions-S1',
      reason:
        'A second bucket of access logs would say little: the bucket is closed to all but the functions, whose own logs name every artifact; CloudTrail data events can be turned on where an audit asks for them',
    },
    {
      construct: service.api.api,
      id: 'AwsSolutions-APIG4',
      reason:
        'Git servers cannot sign for AWS. Each request is authorized by its Receiver: an unguessable path, and the token or signature of its type, verified before the body is parsed',
    },
    ...ofSourcesRole({ state, config }),
    ...functionNames.flatMap(name => ofRole(name, { state, service, config })),
  ];
}

/** Wildcards of the role that reads sources: those that the configuration has, and what AWS knows no other way. */
function ofSourcesRole({ state, config }: Pick<Installation, 'state' | 'config'>): Acknowledgement[] {
  const { sourcesRole: construct } = state;
  if (!construct) return [];
  const arns = config.sources.aws.filter(arn => serviceOf(arn) !== 'ecr-public');
  const wildcards = new Map<string, string>();
  for (const arn of arns) {
    if (arn.includes('*')) wildcards.set(arn, 'The configuration names these sources by a pattern');
    if (serviceOf(arn) === 's3') wildcards.set(`${arn}/*`, 'Objects of a bucket that the configuration names');
  }
  if (config.sources.aws.some(arn => serviceOf(arn).startsWith('ecr')))
    wildcards.set('*', 'Logins of a registry are given out for the registry, which has no ARN');
  return [...wildcards].map(([resource, reason]) => ({
    construct,
    id: `AwsSolutions-IAM5[Resource::${resource}]`,
    reason,
  }));
}

function ofRole(name: FunctionName, { state, service, config }: Installation): Acknowledgement[] {
  const construct = service.functions.roleOf(name);
  const wildcard = (resource: string, reason: string) => ({
    construct,
    id: `AwsSolutions-IAM5[Resource::${resource}]`,
    reason,
  });
  const secret = (prefix: string) =>
    `arn:${said(service.partition)}:secretsmanager:${said(service.region)}:${said(service.account)}:secret:sluice/${config.name}/${prefix}*`;
  const said = (value: string) => (Token.isUnresolved(value) ? `<${service.resolve(value).Ref}>` : value);
  return [
    ...folders[name].map(folder =>
      wildcard(`${exported(state.artifacts.bucketArn, { state })}/${folder}/*`, folderReasons[folder]),
    ),
    ...(makesAddresses.includes(name)
      ? [wildcard(secret('artifact-url-key'), 'Secrets Manager puts six characters behind the name of the one secret')]
      : []),
    ...(seesClusters.has(name)
      ? [
          wildcard(
            secret('cluster-'),
            'Kubeconfigs of the clusters that are registered later; the prefix holds nothing else',
          ),
        ]
      : []),
    ...(seesClusters.has(name) && config.vpc
      ? [
          wildcard(
            '*',
            "Lambda asks for its network permissions on all resources; the function's own code is denied them",
          ),
        ]
      : []),
  ];
}

/** How cdk-nag writes an ARN of the other stack: by the name it is exported under. */
function exported(arn: string, { state }: Pick<Installation, 'state'>): string {
  return state.resolve(state.exportValue(arn))['Fn::ImportValue'] as string;
}
