/** Where the binaries are. */
export const folder: string;
export const programs: readonly string[];
export function isBuilt(): boolean;
