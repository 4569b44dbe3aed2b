import { dirOption, type Io, readArgs, UsageError } from './command.ts';

/** Where the installation is that a command works on. */
export type Place =
  | { on: 'machine'; dir: string | undefined }
  /** `region` undefined: the one that the SDK finds (AWS_REGION, or the profile's). */
  | { on: 'aws'; name: string; region: string | undefined };

/** `--dir` and `--aws`, which every command that works on an installation takes. */
export const placeOptions = { ...dirOption, aws: { type: 'string' } } as const;

type Values = { dir?: string | undefined; aws?: string | undefined };

const defaultName = 'sluice';
const regions = /^[a-z]{2,8}(-[a-z]{2,12}){1,3}-\d{1,2}$/;
/** As CloudFormation allows names of stacks; it also heads the names of queues, which are shorter. */
const names = /^[A-Za-z][A-Za-z0-9-]{0,39}$/;

/**
 * The place that was meant: `--aws [NAME][@REGION]` or `--dir DIR`, else SLUICE_AWS or SLUICE_DIR, else `.sluice`. The region
 * is part of the name, so that it cannot be taken for the region of an EKS cluster (`cluster add --region`), and so that one
 * variable says all of it.
 */
export function placeOf(io: Io, { dir, aws }: Values): Place {
  if (aws !== undefined) {
    if (dir !== undefined)
      throw new UsageError(
        '--aws and --dir name two installations, one on AWS and one on this machine; give one of them',
      );
    return awsPlace(aws || io.env.SLUICE_AWS || defaultName, aws ? '--aws' : 'SLUICE_AWS');
  }
  if (dir !== undefined) return { on: 'machine', dir };
  const fromEnvironment = io.env.SLUICE_AWS;
  if (!fromEnvironment) return { on: 'machine', dir: io.env.SLUICE_DIR };
  if (io.env.SLUICE_DIR)
    throw new UsageError(
      'SLUICE_AWS and SLUICE_DIR name two installations, one on AWS and one on this machine; unset one, or choose with --aws or --dir',
    );
  return awsPlace(fromEnvironment, 'SLUICE_AWS');
}

function awsPlace(text: string, source: string): Place {
  const [name = '', region, ...more] = text.split('@');
  if (more.length > 0 || (name !== '' && !names.test(name)))
    throw new UsageError(
      `${source} is "${text}"; it has to be the name of an installation, as sluice or sluice@eu-west-1: letters, digits and hyphens, at most 40`,
    );
  return { on: 'aws', name: name || defaultName, region: region === undefined ? undefined : checkRegion(region) };
}

/** The region as it was given; a UsageError for what cannot be one: it becomes part of host names. */
export function checkRegion(region: string): string {
  if (regions.test(region)) return region;
  throw new UsageError(`"${region}" is no AWS region; one is called, for example, eu-west-1`);
}

/** Like {@link readArgs}, for commands that take {@link placeOptions}: the value of `--aws` may be left out. */
export function readPlaceArgs<O extends typeof placeOptions & Parameters<typeof readArgs>[1]>(
  args: string[],
  options: O,
  max = 0,
) {
  const end = args.indexOf('--');
  const spelled = args.map((arg, position) => {
    if (arg !== '--aws' || (end >= 0 && position > end)) return arg;
    const next = args[position + 1];
    return next === undefined || next.startsWith('-') ? '--aws=' : arg;
  });
  return readArgs(spelled, options, max);
}
