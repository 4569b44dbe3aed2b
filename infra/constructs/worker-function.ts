import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { PolicyDocument, type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  type CfnFunction,
  Code,
  type ILayerVersion,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Config } from '../config-schema.ts';
import { type FunctionName, settingsOf } from '../function-settings.ts';
import { logStatement, networkStatements } from '../permissions.ts';
import { rolePath } from '../stacks/state.ts';

/** Where functions that talk to clusters are put. */
export interface Network {
  subnets: string[];
  securityGroups: string[];
}

export interface WorkerFunctionProps {
  name: FunctionName;
  config: Config;
  /** Folder with the bundle. */
  code: string;
  environment: Record<string, string>;
  /** All that it may do, beside writing its log. */
  statements: readonly PolicyStatement[];
  network?: Network | undefined;
  layer?: ILayerVersion;
  /** Only that of the layer's program differs. */
  architecture?: Architecture;
}

/** A function with a role and a log group of its own. */
export class WorkerFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logs: LogGroup;
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, props: WorkerFunctionProps) {
    super(scope, id);
    const { name, config, network } = props;
    const settings = settingsOf(name);
    const functionName = `${config.name}-${name}`;
    this.timeout = Duration.seconds(config.timeout[name] ?? settings.timeout);
    this.logs = new LogGroup(this, 'Logs', {
      logGroupName: `/sluice/${config.name}/${name}`,
      retention: config.retention.logs,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = this.#role(props, functionName);
    this.function = new LambdaFunction(this, 'Function', {
      functionName,
      description: descriptions[name],
      runtime: Runtime.NODEJS_24_X,
      architecture: props.architecture ?? Architecture.ARM_64,
      code: Code.fromAsset(props.code),
      handler: 'index.handler',
      role: this.role.withoutPolicyUpdates(),
      timeout: this.timeout,
      memorySize: config.memory[name] ?? settings.memory,
      ephemeralStorageSize: Size.mebibytes(config.storage[name] ?? settings.storage),
      ...(config.reservedConcurrency[name] && { reservedConcurrentExecutions: config.reservedConcurrency[name] }),
      ...(props.layer && { layers: [props.layer] }),
      environment: { ...props.environment, NODE_OPTIONS: '--enable-source-maps' },
      logGroup: this.logs,
      // Our lines are JSON already and pass as they are; what they leave out is said by SLUICE_LOG_LEVEL. A level above INFO
      // here would drop the metrics, which are lines of the log.
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.INFO,
    });
    const resource = this.function.node.defaultChild as CfnFunction;
    // The function names its role, and the role's policy is part of it: nothing else has to be waited for.
    resource.addDeletionOverride('DependsOn');
    // Set here, because the CDK's own way asks for zones, which nothing here needs to know.
    if (network) resource.vpcConfig = { subnetIds: network.subnets, securityGroupIds: network.securityGroups };
  }

  /** All in one piece with the role, so that nothing can start before it may do what it does. */
  #role({ name, config, network, statements }: WorkerFunctionProps, functionName: string): Role {
    return new Role(this, 'Role', {
      path: rolePath(config.name),
      description: `Sluice (${config.name}): the function ${name}`,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Needs: new PolicyDocument({
          statements: [
            logStatement(this.logs.logGroupArn),
            ...statements,
            ...(network ? networkStatements(this, functionName) : []),
          ],
        }),
      },
    });
  }
}

const descriptions: Record<FunctionName, string> = {
  webhook: 'Receives webhooks, verifies them and asks for reconciles',
  artifact: 'Serves artifacts at the addresses that status.artifact.url gives out',
  source: 'Fetches sources and stores artifacts',
  kustomize: 'Builds and applies Kustomizations',
  notification: 'Tells Providers of events; Receivers; webhooks that wait for their cluster',
  timer: 'Forwards messages whose time has come',
  schedule: 'Each minute: what is due, and what changed in the clusters',
  'dead-letter': 'Says in the status of objects that their reconcile was given up',
  'cloud-event': 'Has sources reconciled whose registry, bucket or repository at AWS changed',
};
