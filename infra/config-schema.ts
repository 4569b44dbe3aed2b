import { RegionInfo } from 'aws-cdk-lib/region-info';
import * as z from 'zod';
import { type FunctionName, functionNames, settingsOf } from './function-settings.ts';

/** Regions that the CDK knows; a newer one needs a newer CDK. */
export const regions = RegionInfo.regions.map(region => region.name).sort();

/** What CloudWatch Logs takes as a retention, days. */
export const logRetentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const arnOf = (service: string, rest: string, example: string) =>
  z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:${rest}$`), `has to be an ARN like ${example}`);

const role = arnOf('iam', ':[0-9]{12}:role/[\\w+=,.@/-]+', 'arn:aws:iam::111122223333:role/sluice');

const idOf = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `has to be an id like ${prefix}-0123456789abcdef0`);

const dnsName = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
    'has to be a host name like sluice.example.com, in lower case',
  );

const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'has to be a DNS label: lower-case letters, digits, hyphens');

/** What can be read with `provider: aws`. An S3 ARN names a bucket, without its objects. */
const sourceArn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:(?:ecr:[a-z0-9*-]+:[0-9]{12}:repository\/[a-z0-9._/*-]+|ecr-public::[0-9]{12}:repository\/[a-z0-9._/*-]+|s3:::[a-z0-9.*-]+|codecommit:[a-z0-9*-]+:[0-9]{12}:[\w.*-]+|kms:[a-z0-9-]+:[0-9]{12}:key\/[a-z0-9-]+)$/,
    'has to be the ARN of an ECR repository (arn:aws:ecr:eu-west-1:111122223333:repository/team/*), a bucket (arn:aws:s3:::config), a CodeCommit repository (arn:aws:codecommit:eu-west-1:111122223333:shop) or a KMS key',
  );

const bucketName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    'has to be the name of a bucket: 3 to 63 lower-case letters, digits, dots, hyphens',
  );

/** A number for some of the functions. */
export type PerFunction = Partial<Record<FunctionName, number>>;

/** One option for each function that has a value of this kind. */
function perFunction(schema: (name: FunctionName) => z.ZodType<number> | undefined) {
  const shape = functionNames.flatMap(name => {
    const found = schema(name);
    return found ? [[name, found.optional()] as const] : [];
  });
  return z.strictObject(Object.fromEntries(shape)) as unknown as z.ZodType<PerFunction, PerFunction>;
}

const describedPer = {
  memory: 'MB of memory, 128 to 10240; CPU comes with it (1769 MB are one vCPU)',
  timeout: 'Seconds after which an invocation is stopped',
  storage: 'MB of /tmp, 512 to 10240; a source and its archive have to fit in',
  concurrency: 'Most invocations at a time that the queue of the function starts, 2 to 1000',
  reservedConcurrency:
    "Invocations kept free for the function in the account, which at the same time are its limit. Unset, it takes from what is left of the account's",
};

function timeoutOf(name: FunctionName) {
  const { seconds, because } = settingsOf(name).longest;
  return z.number().int().min(5).max(seconds, `may be at most ${seconds} s: ${because}`);
}

/** sluice.yaml: everything that can be said about an installation, and nothing else. Each option is described where it stands. */
export const Config = z.strictObject({
  name: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,23}[a-z0-9]$/,
      'has to be 2 to 25 lower-case letters, digits and hyphens, with a letter first and no hyphen last',
    )
    .default('sluice')
    .describe(
      'Name of the installation: of its stacks, functions, log groups and secrets. Another name is another installation',
    ),
  account: z
    .string()
    .regex(/^[0-9]{12}$/, "has to be the account's 12 digits, in quotes")
    .optional()
    .describe('The only account that this may be deployed to; unset, any'),
  region: z
    .string()
    .refine(name => regions.includes(name))
    .optional()
    .describe('Region to deploy to; unset, that of your AWS profile or of `AWS_REGION`'),
  domain: z
    .strictObject({
      name: dnsName.describe('Host name under which webhooks are received'),
      certificateArn: arnOf(
        'acm',
        '[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+',
        'arn:aws:acm:eu-west-1:111122223333:certificate/0123…',
      ).describe('ACM certificate for that name, in the same region'),
      hostedZoneId: z
        .string()
        .regex(/^Z[A-Z0-9]{5,31}$/, 'has to be an id like Z0123456789ABCDEFGHIJ')
        .optional()
        .describe('Route 53 zone that gets the record; unset, you make it yourself'),
    })
    .optional(),
  vpc: z
    .strictObject({
      id: idOf('vpc').describe('VPC for the functions that talk to clusters'),
      subnets: z
        .array(idOf('subnet'))
        .min(1, 'names no subnet; the functions need at least one, better two in different zones')
        .max(16)
        .describe('Its subnets with a way out (NAT gateway, or endpoints; see below)'),
      securityGroups: z
        .array(idOf('sg'))
        .max(5)
        .default([])
        .describe('Security groups of the functions; unset, one is made that lets everything out and nothing in'),
    })
    .optional(),
  retention: z
    .strictObject({
      logs: z
        .number()
        .refine(
          days => logRetentions.includes(days),
          `has to be a number of days that CloudWatch knows: ${logRetentions.join(', ')}`,
        )
        .default(30)
        .describe('Days that logs are kept'),
      deadLetters: z
        .number()
        .int()
        .min(5)
        .max(14)
        .default(14)
        .describe('Days that messages which were given up are kept, 5 to 14'),
      recovery: z
        .number()
        .int()
        .min(1)
        .max(35)
        .default(35)
        .describe('Days to whose every second the table can be restored, 1 to 35'),
    })
    .prefault({}),
  memory: perFunction(() => z.number().int().min(128).max(10_240))
    .prefault({})
    .describe(describedPer.memory),
  timeout: perFunction(timeoutOf).prefault({}).describe(describedPer.timeout),
  storage: perFunction(() => z.number().int().min(512).max(10_240))
    .prefault({})
    .describe(describedPer.storage),
  concurrency: perFunction(name =>
    settingsOf(name).concurrency === undefined ? undefined : z.number().int().min(2).max(1000),
  )
    .prefault({})
    .describe(describedPer.concurrency),
  reservedConcurrency: perFunction(() => z.number().int().min(1).max(10_000))
    .prefault({})
    .describe(describedPer.reservedConcurrency),
  webhook: z
    .strictObject({
      rate: z.number().min(1).max(10_000).default(50).describe('Requests a second, on average; more are answered 429'),
      burst: z.number().int().min(1).max(5_000).default(100).describe('Requests at once'),
      deadline: z
        .number()
        .int()
        .min(100)
        .max(25_000)
        .default(7_000)
        .describe(
          'Milliseconds that a cluster may take; then the request is kept, answered 202, and tried again. GitHub gives up after ten seconds',
        ),
    })
    .prefault({}),
  alarms: z
    .strictObject({
      topicArn: arnOf('sns', '[a-z0-9-]+:[0-9]{12}:[\\w-]+', 'arn:aws:sns:eu-west-1:111122223333:alarms')
        .optional()
        .describe('SNS topic that hears of alarms'),
      email: z
        .email('has to be an e-mail address')
        .optional()
        .describe('Address that hears of alarms; a topic is made for it, and AWS asks you to confirm'),
    })
    .prefault({}),
  clusters: z
    .array(
      z.strictObject({
        name: dnsLabel.describe('Name of a cluster, as `sluice cluster add` registers it'),
        roleArn: role.describe(
          'Role that is assumed to sign in to it (`--role-arn`); needed for clusters of other accounts, which do not admit the cluster role',
        ),
      }),
    )
    .default([]),
  clusterRequests: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('Requests under way at a time to one cluster, from one process; unset, what the functions think right'),
  sources: z
    .strictObject({
      aws: z
        .array(sourceArn)
        .max(60)
        .default([])
        .describe(
          'What sources with `provider: aws` and no serviceAccountName may read: ARNs of ECR repositories, buckets, CodeCommit repositories, and of KMS keys that buckets are encrypted with; `*` stands for any text',
        ),
    })
    .prefault({}),
  awsEvents: z
    .strictObject({
      ecr: z.boolean().default(true).describe('Pushes to ECR of this account and region are reconciled at once'),
      codeCommit: z
        .boolean()
        .default(true)
        .describe('Pushes to CodeCommit of this account and region are reconciled at once'),
      s3: z
        .array(bucketName)
        .max(50)
        .default([])
        .describe(
          'Buckets of this account and region whose changes are reconciled at once; each has to send its notifications to EventBridge',
        ),
    })
    .prefault({}),
  tenancy: z
    .strictObject({
      noCrossNamespaceRefs: z
        .boolean()
        .default(false)
        .describe("As Flux's `--no-cross-namespace-refs`: sources, Receivers and Alerts keep to their own namespace"),
      defaultServiceAccount: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'has to be the name of a service account')
        .optional()
        .describe(
          "As Flux's `--default-service-account`: in whose name Kustomizations are applied that name no account",
        ),
    })
    .prefault({}),
  logLevel: z.enum(['info', 'warn', 'error']).default('info').describe('The least serious lines that are logged'),
  tags: z
    .record(
      z
        .string()
        .regex(
          /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u,
          'has to be a tag that AWS takes, and not begin with aws:',
        ),
      z.string().max(256),
    )
    .default({})
    .describe('Tags of everything that can have them'),
});

export type Config = z.infer<typeof Config>;
