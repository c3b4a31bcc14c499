/** Remembers what is under way, so that taking down waits for it: a launch must be known before it can be ended. */

export interface UnderWay {
  track<T>(work: Promise<T>): Promise<T>;
  /** Settles when all that is under way now has ended, well or not. Never rejects. */
  settled(): Promise<void>;
}

export function createUnderWay(): UnderWay {
  const works = new Set<Promise<unknown>>();
  return {
    track: (work) => {
      works.add(work);
      const forget = (): void => void works.delete(work);
      work.then(forget, forget);
      return work;
    },
    settled: async () => {
      await Promise.allSettled(works);
    },
  };
}
