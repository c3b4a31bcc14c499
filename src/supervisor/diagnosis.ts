/** What is known about the cause of a failure; it travels in events and over the control socket. */
export interface Diagnosis {
  /** Id of the rule that saw it; docs/diagnosis.md lists them. */
  readonly rule: string;
  /** The cause in one sentence, without a full stop. */
  readonly cause: string;
  /** The lines that show it, as they stand in a log, or facts in words where no log has them. */
  readonly evidence: readonly string[];
  /** Whose log the evidence stands in; absent where it is none. */
  readonly seenIn?: string;
  readonly logFile?: string;
  /** One command or flag. */
  readonly fix: string;
  /** The check of `dynamo doctor` that looks for the same before a start. */
  readonly check?: string;
}
