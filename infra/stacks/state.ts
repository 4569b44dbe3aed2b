import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { AccountPrincipal, PolicyDocument, Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';
import { sourceStatements } from '../permissions.ts';

/** Path of the functions' roles: the cluster role, and roles of other accounts, trust them by it. */
export function rolePath(name: string): string {
  return `/sluice/${name}/`;
}

/**
 * What must outlive every update: artifacts, the index, and the role that clusters admit. A stack of its own, so that no
 * change of the functions can take them along; bucket, table and key stay when the stack is deleted.
 */
export class StateStack extends Stack {
  readonly key: Key;
  readonly artifacts: Bucket;
  readonly index: TableV2;
  readonly clusterRole: Role;
  /** Who reads sources at AWS; absent when the configuration names none. */
  readonly sourcesRole: Role | undefined;

  constructor(scope: Construct, id: string, config: Config, props: StackProps = {}) {
    super(scope, id, { ...props, terminationProtection: true });
    this.key = new Key(this, 'Key', {
      enableKeyRotation: true,
      description: `Encrypts the artifacts of Sluice (${config.name})`,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.artifacts = this.#bucket();
    this.index = this.#table(config);
    this.clusterRole = this.#role(config);
    this.sourcesRole = config.sources.aws.length > 0 ? this.#sourcesRole(config) : undefined;
    new CfnOutput(this, 'KeyArn', { value: this.key.keyArn });
    if (this.sourcesRole) new CfnOutput(this, 'SourcesRoleArn', { value: this.sourcesRole.roleArn });
  }

  /**
   * Without versions: an artifact is named by its digest and never changes, and what is deleted was replaced long ago or is
   * fetched again; kept versions would only cost.
   */
  #bucket(): Bucket {
    return new Bucket(this, 'Artifacts', {
      encryption: BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
        // The schedule deletes sooner (a day, a week); these are for when it cannot.
        { id: 'kept-webhooks', prefix: 'pending/', expiration: Duration.days(3) },
        { id: 'kept-builds', prefix: 'builds/', expiration: Duration.days(14) },
      ],
    });
  }

  #table(config: Config): TableV2 {
    return new TableV2(this, 'Index', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      globalSecondaryIndexes: [
        {
          indexName: 'due',
          partitionKey: { name: 'dueShard', type: AttributeType.NUMBER },
          sortKey: { name: 'dueAt', type: AttributeType.NUMBER },
          projectionType: ProjectionType.KEYS_ONLY,
        },
      ],
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: true,
        recoveryPeriodInDays: config.retention.recovery,
      },
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  /**
   * Who the functions are for clusters: one role, so that a cluster needs one access entry. It may do nothing in AWS; signing in
   * to EKS needs no permission. Here, because an entry knows the very role, and not another of the same name.
   */
  #role(config: Config): Role {
    return new Role(this, 'ClusterRole', {
      description: `Signs in to clusters for the functions of Sluice (${config.name})`,
      assumedBy: this.#functions(config),
    });
  }

  /**
   * Who the installation is for registries, buckets and repositories at AWS. Not the source function's own role: users name
   * what is read, and whoever may make a Bucket must not be able to read what only Sluice itself may. Here, because policies of
   * other accounts know the very role.
   */
  #sourcesRole(config: Config): Role {
    return new Role(this, 'SourcesRole', {
      description: `Reads the sources at AWS of Sluice (${config.name})`,
      assumedBy: this.#functions(config),
      inlinePolicies: {
        Sources: new PolicyDocument({
          statements: sourceStatements(config.sources.aws, this.artifacts.bucketArn),
        }),
      },
    });
  }

  /** The functions' roles, which the path tells from others of the account. */
  #functions(config: Config) {
    const roles = `arn:${this.partition}:iam::${this.account}:role${rolePath(config.name)}*`;
    return new AccountPrincipal(this.account).withConditions({ ArnLike: { 'aws:PrincipalArn': roles } });
  }
}
