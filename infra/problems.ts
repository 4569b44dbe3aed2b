/** Everything that stands in the way, each in a sentence that says what to do; nothing was changed. */
export class Problems extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}
