/** Programs of NVIDIA that single commands use, each in an environment of its own that `dynamo setup --tool` makes. */
interface Tool {
  readonly title: string;
  /** The newest version whose output was read here. */
  readonly version: string;
  /** Versions of Python for which its packages have builds. */
  readonly pythonRange: string;
  readonly imports: readonly string[];
  readonly diskBytes: number;
  /** What needs it. */
  readonly usedBy: string;
}

/** Package and program have the name of the key. Sizes and versions of Python: seen in November 2026. */
export const tools = {
  aiconfigurator: {
    title: 'AIConfigurator',
    // Its successor aisimulate is only a placeholder on PyPI: 0.12.0 to 0.13.0 fail to install.
    version: '0.12.0',
    pythonRange: '>=3.10,<3.14',
    imports: ['aiconfigurator.cli.main'],
    diskBytes: 1.2e9,
    usedBy: 'dynamo advise',
  },
  aiperf: {
    title: 'AIPerf',
    version: '0.13.0',
    pythonRange: '>=3.11,<3.14',
    imports: ['aiperf.cli'],
    diskBytes: 1.2e9,
    usedBy: 'dynamo bench --with aiperf',
  },
} as const satisfies Readonly<Record<string, Tool>>;

export type ToolName = keyof typeof tools;
export const toolNames = Object.keys(tools) as readonly ToolName[];
