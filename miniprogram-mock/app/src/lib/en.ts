/** English for every text that `t` is called with; a test finds the ones that are missing. */
export const en: Record<string, string> = {};
