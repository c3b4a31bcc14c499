/** The environment as a value: a program reads its own once, where it begins, and passes it on. Nothing writes it. */
export type Environment = Readonly<Record<string, string | undefined>>;
