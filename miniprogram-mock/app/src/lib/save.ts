/** A document that somebody takes along: a download in the browser, a file to send on in WeChat. */
import { say } from './go';
import { t } from './i18n';

export function saveJson(name: string, content: unknown): void {
  const text = JSON.stringify(content, null, 2);
  // #ifdef H5
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  // #endif
  // #ifdef MP-WEIXIN
  const path = `${wx.env.USER_DATA_PATH}/${name}`;
  uni.getFileSystemManager().writeFile({ filePath: path, data: text, encoding: 'utf8', success: () => wx.shareFileMessage({ filePath: path }) });
  // #endif
  say(t('已导出'));
}
