/** Photographs: chosen or taken, sent, and shown again. */
import { ORIGIN, PATIENCE_MS, Problem, identity, refusal, renew, transport } from './http';
import { session } from '@/lib/session';
import type { Schema } from './http';

/** Uploads have more to carry than eight seconds allow on a slow line. */
const UPLOAD_PATIENCE_MS = PATIENCE_MS * 4;

export async function choose(count: number): Promise<string[]> {
  return new Promise((done) => {
    uni.chooseImage({
      count,
      sizeType: ['compressed'],
      success: (chosen) => done(([] as string[]).concat(chosen.tempFilePaths)),
      // Closing the picker is no failure.
      fail: () => done([]),
    });
  });
}

/** @throws {Problem} */
export async function upload(path: string, again = true): Promise<Schema<'File'>> {
  const token = session.value?.access_token;
  const [status, text] = await new Promise<[number, string]>((done, failed) => {
    uni.uploadFile({
      url: `${ORIGIN}/api/v1/files`,
      filePath: path,
      name: 'file',
      header: identity(),
      timeout: UPLOAD_PATIENCE_MS,
      // The platform hands over text, whatever the type.
      success: (answer) => done([answer.statusCode, answer.data]),
      fail: (fault) => failed(transport(fault.errMsg ?? '')),
    });
  });
  if (status === 201) return JSON.parse(text) as Schema<'File'>;
  if (status === 401 && again && (await renew(token))) return upload(path, false);
  throw refusal(status, text);
}

const shown = new Map<string, string>();

/** A local address of a file that only we may see. */
export async function local(id: string, again = true): Promise<string> {
  const known = shown.get(id);
  if (known) return known;
  const token = session.value?.access_token;
  const [status, path] = await new Promise<[number, string]>((done, failed) => {
    uni.downloadFile({
      url: `${ORIGIN}/api/v1/files/${encodeURIComponent(id)}`,
      header: identity(),
      timeout: UPLOAD_PATIENCE_MS,
      success: (answer) => done([answer.statusCode, answer.tempFilePath]),
      fail: (fault) => failed(transport(fault.errMsg ?? '')),
    });
  });
  if (status === 200) {
    shown.set(id, path);
    return path;
  }
  if (status === 401 && again && (await renew(token))) return local(id, false);
  throw new Problem(status, 'not_found', '');
}
