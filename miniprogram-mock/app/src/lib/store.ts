/** What outlives the app: a little JSON in the platform's storage. A full or forbidden storage loses drafts, never the app. */
const PREFIX = 'jiazai:';

export const store = {
  get<T>(name: string): T | undefined {
    try {
      const text = uni.getStorageSync(PREFIX + name) as string;
      return text ? (JSON.parse(text) as T) : undefined;
    } catch {
      return undefined;
    }
  },
  set(name: string, value: unknown): void {
    try {
      uni.setStorageSync(PREFIX + name, JSON.stringify(value));
    } catch {
      // Private browsing, or full.
    }
  },
  remove(name: string): void {
    try {
      uni.removeStorageSync(PREFIX + name);
    } catch {
      // As above.
    }
  },
  names(): string[] {
    try {
      return uni.getStorageInfoSync().keys.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
    } catch {
      return [];
    }
  },
};
