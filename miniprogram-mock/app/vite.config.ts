import { defineConfig, type Plugin } from 'vite';
import uniPlugin from '@dcloudio/vite-plugin-uni';

// The plugin is CommonJS: under "type": "module" its default export arrives one level down.
const uni = (uniPlugin as unknown as { default?: typeof uniPlugin }).default ?? uniPlugin;

/**
 * The framework's style sheet draws the bar's shadow with a picture from its maker's network, and in WeChat its start fetches that
 * picture from an address put together out of character codes. A resident's phone asks nobody but our server.
 */
const nobodyElse: Plugin = {
  name: 'nobody-else',
  enforce: 'post',
  transform: (code) => (code.includes('isFunction(wx.preloadAssets)') ? code.replace('isFunction(wx.preloadAssets)', 'false') : undefined),
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type === 'asset' && file.fileName.endsWith('.css')) file.source = String(file.source).replace(/url\(["']?https?:[^)]*\)/g, 'none');
    }
  },
};

/**
 * What the browser's first screen is made of, in one file with the framework that it needs: the page asks for it together with the
 * start, and for nothing afterwards.
 */
const FIRST = /src\/(pages\/home\/|ui\/j-(page|row|state|tag|icon|button)\.vue|ui\/icons|api\/http|lib\/(community|go|load|now|session|unread|when|words)\.ts)/;
const oneFile = process.env.UNI_PLATFORM === 'h5' ? { rollupOptions: { output: { manualChunks: (id: string) => (FIRST.test(id) ? 'first' : undefined) } } } : {};

export default defineConfig({
  base: '/app/',
  plugins: [uni(), nobodyElse],
  define: {
    // A WeChat package must know its server; the browser build is served by it.
    __API_ORIGIN__: JSON.stringify(process.env.JIAZAI_ORIGIN ?? ''),
  },
  build: { target: 'es2018', ...oneFile },
  server: {
    port: 5173,
    proxy: {
      '/api': process.env.JIAZAI_ORIGIN ?? 'http://127.0.0.1:8080',
      '/app/demo.json': process.env.JIAZAI_ORIGIN ?? 'http://127.0.0.1:8080',
    },
  },
});
