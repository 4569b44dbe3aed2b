/** What functions may do, one statement for each thing: exact actions on exact resources. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Config } from './config-schema.ts';
import type { StateStack } from './stacks/state.ts';

/** Folders of the bucket. */
export type Folder = 'artifacts' | 'builds' | 'applying' | 'pending' | 'sources' | 'sweep';

/** Makes the statements of one installation. */
export class Permissions {
  readonly #state: StateStack;
  readonly #config: Config;

  constructor(state: StateStack, config: Config) {
    this.#state = state;
    this.#config = config;
  }

  /** The index. Who writes reads, too. Scans and batches of deletions are the command line's, which clears it. */
  index(access: 'read' | 'write'): PolicyStatement[] {
    const { tableArn } = this.#state.index;
    const read = ['dynamodb:GetItem', 'dynamodb:Query'];
    const write = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem'];
    return [allow('Index', access === 'read' ? read : [...read, ...write], [tableArn])];
  }

  /** What comes due: the secondary index says which, the table whether that is still so. */
  due(): PolicyStatement[] {
    const { tableArn } = this.#state.index;
    return [
      allow('Due', ['dynamodb:Query'], [`${tableArn}/index/due`]),
      allow('StillDue', ['dynamodb:BatchGetItem'], [tableArn]),
    ];
  }

  /**
   * Objects of the store. Who may read may also list: without that, S3 answers 403 for an object that is not there, and
   * nobody could tell it from a fault.
   */
  store(access: { get?: Folder[]; put?: Folder[]; delete?: Folder[] }): PolicyStatement[] {
    const { artifacts: bucket, key } = this.#state;
    const of = (folders: Folder[]) => folders.map(folder => bucket.arnForObjects(`${folder}/*`));
    return [
      ...(access.get
        ? [
            allow('StoreGet', ['s3:GetObject'], of(access.get)),
            allow('StoreList', ['s3:ListBucket'], [bucket.bucketArn]),
          ]
        : []),
      ...(access.put ? [allow('StorePut', ['s3:PutObject', 's3:AbortMultipartUpload'], of(access.put))] : []),
      ...(access.delete ? [allow('StoreDelete', ['s3:DeleteObject'], of(access.delete))] : []),
      // The parts of a multipart upload are decrypted when they are put together.
      allow('StoreKey', access.put ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'], [key.keyArn]),
    ];
  }

  /** To send to queues. */
  send(queues: readonly IQueue[]): PolicyStatement[] {
    return [
      allow(
        'Send',
        ['sqs:SendMessage'],
        queues.map(queue => queue.queueArn),
      ),
    ];
  }

  /** What Lambda does in the function's name to feed it from queues. */
  receive(queues: readonly IQueue[]): PolicyStatement[] {
    return [
      allow(
        'Receive',
        ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
        queues.map(queue => queue.queueArn),
      ),
    ];
  }

  /** The key of the artifacts' addresses, made by the first who needs it. */
  artifactUrlKey(): PolicyStatement[] {
    return [
      allow(
        'ArtifactUrlKey',
        ['secretsmanager:GetSecretValue', 'secretsmanager:CreateSecret'],
        [this.#secret('artifact-url-key')],
      ),
    ];
  }

  /** To sign in to clusters: kubeconfigs, the cluster role, and the roles that the configuration names. */
  clusters(): PolicyStatement[] {
    const roles = [this.#state.clusterRole.roleArn, ...new Set(this.#config.clusters.map(cluster => cluster.roleArn))];
    return [
      allow('Kubeconfigs', ['secretsmanager:GetSecretValue'], [this.#secret('cluster-')]),
      allow('ClusterRoles', ['sts:AssumeRole'], roles),
    ];
  }

  /** To become who the sources at AWS are read by, where any are granted. */
  sources(): PolicyStatement[] {
    const { sourcesRole } = this.#state;
    return sourcesRole ? [allow('SourcesRole', ['sts:AssumeRole'], [sourcesRole.roleArn])] : [];
  }

  /** Secrets Manager puts a hyphen and six characters behind each name. */
  #secret(prefix: string): string {
    return Stack.of(this.#state).formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `sluice/${this.#config.name}/${prefix}*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}

/** To write the function's own log. */
export function logStatement(logGroupArn: string): PolicyStatement {
  // The ARN of a log group ends in `:*`, which stands for its streams.
  return allow('Log', ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroupArn]);
}

/**
 * What Lambda needs to put a function into a VPC. Lambda checks for these on all resources (AWS documentation, "Giving Lambda
 * functions access to resources in an Amazon VPC"); as it recommends there, the function's own code is denied them.
 */
export function networkStatements(scope: Construct, functionName: string): PolicyStatement[] {
  const actions = [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const { partition, region, account } = Stack.of(scope);
  const arn = `arn:${partition}:lambda:${region}:${account}:function:${functionName}`;
  return [
    allow('Network', actions, ['*']),
    new PolicyStatement({
      sid: 'NetworkNotFromCode',
      effect: Effect.DENY,
      actions,
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': [arn] } },
    }),
  ];
}

/** What reading a source at AWS needs, by the service that its ARN names. Registries give out logins for all they have. */
const reading: Record<string, { actions: string[]; below?: string[]; anywhere?: string[] }> = {
  ecr: {
    actions: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:ListImages'],
    anywhere: ['ecr:GetAuthorizationToken'],
  },
  'ecr-public': { actions: [], anywhere: ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken'] },
  s3: { actions: ['s3:ListBucket', 's3:GetBucketLocation'], below: ['s3:GetObject'] },
  codecommit: { actions: ['codecommit:GitPull'] },
  kms: { actions: ['kms:Decrypt'] },
};

/** The service that an ARN names. */
export function serviceOf(arn: string): string {
  return arn.split(':')[2] ?? '';
}

/**
 * To read the sources that the configuration names, and never the installation's own bucket, which holds what others may not
 * see: a Bucket could name it.
 */
export function sourceStatements(arns: readonly string[], ownBucketArn: string): PolicyStatement[] {
  const found = Object.entries(reading).flatMap(([service, { actions, below = [], anywhere = [] }]) => {
    const of = arns.filter(arn => serviceOf(arn) === service);
    const name = service.replace(/\W/g, '');
    if (of.length === 0) return [];
    return [
      ...(actions.length > 0 ? [allow(`Read${name}`, actions, of)] : []),
      ...(below.length > 0
        ? [
            allow(
              `Read${name}Objects`,
              below,
              of.map(arn => `${arn}/*`),
            ),
          ]
        : []),
      ...(anywhere.length > 0 ? [allow(`SignInTo${name}`, anywhere, ['*'])] : []),
    ];
  });
  return [
    ...found,
    new PolicyStatement({
      sid: 'NotItsOwn',
      effect: Effect.DENY,
      actions: ['s3:*'],
      resources: [ownBucketArn, `${ownBucketArn}/*`],
    }),
  ];
}

function allow(sid: string, actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ sid, actions, resources });
}
