/**
 * Photographs that have been taken and not yet sent. The camera's file is gone when the app is closed, so a copy is kept until the
 * server has it: on a phone with the platform's saved files, in the browser in its database. What cannot be kept is sent all the
 * same; only the copy is missing then.
 */
import { me } from './session';
import { store } from './store';

/** `draft:`, so that who logs out leaves none behind. */
const name = (slot: string) => `draft:photos:${slot}:${me.value?.id ?? ''}`;

/** Under which name a copy is kept, and a path that shows and sends it now. */
export interface Kept { key: string; path: string }

// #ifdef H5
let opening: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opening ??= new Promise((done, failed) => {
    const asked = indexedDB.open('jiazai', 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore('photos');
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  opening.catch(() => (opening = undefined));
  return opening;
}

async function inStore<T>(mode: IDBTransactionMode, work: (photos: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const photos = (await database()).transaction('photos', mode).objectStore('photos');
  return new Promise((done, failed) => {
    const asked = work(photos);
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}
// #endif

async function copy(path: string): Promise<string> {
  // #ifdef H5
  const picture = await (await fetch(path)).blob();
  const key = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
  await inStore('readwrite', (photos) => photos.put(picture, key));
  return key;
  // #endif
  // #ifdef MP-WEIXIN
  return new Promise((done, failed) => uni.saveFile({ tempFilePath: path, success: (saved) => done(saved.savedFilePath), fail: failed }));
  // #endif
}

async function pathOf(key: string): Promise<string | undefined> {
  // #ifdef H5
  const picture = await inStore<Blob | undefined>('readonly', (photos) => photos.get(key));
  return picture && URL.createObjectURL(picture);
  // #endif
  // #ifdef MP-WEIXIN
  return new Promise((done) => uni.getFileInfo({ filePath: key, success: () => done(key), fail: () => done(undefined) }));
  // #endif
}

async function erase(key: string): Promise<void> {
  // #ifdef H5
  await inStore('readwrite', (photos) => photos.delete(key));
  // #endif
  // #ifdef MP-WEIXIN
  await new Promise<void>((done) => uni.removeSavedFile({ filePath: key, complete: () => done() }));
  // #endif
}

const keys = (entry: string) => store.get<string[]>(entry) ?? [];

export const photographs = {
  /** Keeps a copy for this form; the path that it goes by from now on. */
  async keep(slot: string, path: string): Promise<Kept> {
    try {
      const key = await copy(path);
      store.set(name(slot), [...keys(name(slot)), key]);
      // A phone moves the file; a browser's address stays good as long as the page.
      return { key, path: key.includes('/') ? key : path };
    } catch {
      return { key: '', path };
    }
  },
  /** Those of this form that were left behind when the app was closed. */
  async left(slot: string): Promise<Kept[]> {
    const found: Kept[] = [];
    for (const key of keys(name(slot))) {
      const path = await pathOf(key).catch(() => undefined);
      if (path) found.push({ key, path });
      else await photographs.drop(slot, key);
    }
    return found;
  },
  /** It has been sent, or is not wanted. */
  async drop(slot: string, key: string): Promise<void> {
    if (!key) return;
    const rest = keys(name(slot)).filter((other) => other !== key);
    if (rest.length > 0) store.set(name(slot), rest);
    else store.remove(name(slot));
    await erase(key).catch(() => undefined);
  },
  /** Somebody has logged out. */
  async forget(): Promise<void> {
    // #ifdef H5
    await inStore('readwrite', (photos) => photos.clear()).catch(() => undefined);
    // #endif
    // #ifdef MP-WEIXIN
    uni.getSavedFileList({ success: (saved) => saved.fileList.forEach((file) => void erase(file.filePath)) });
    // #endif
  },
  /** The form is done with, or begun anew: nothing of it stays on the phone. */
  async clear(form: string): Promise<void> {
    const whose = name('').replace(/^.*:/, ':');
    for (const entry of store.names().filter((one) => one.startsWith(`draft:photos:${form}`) && one.endsWith(whose))) {
      for (const key of keys(entry)) await erase(key).catch(() => undefined);
      store.remove(entry);
    }
  },
};
