import { defineConfig } from 'vite';
import uniPlugin from '@dcloudio/vite-plugin-uni';

// The plugin is CommonJS: under "type": "module" its default export arrives one level down.
const uni = (uniPlugin as unknown as { default?: typeof uniPlugin }).default ?? uniPlugin;

export default defineConfig({
  base: '/app/',
  plugins: [uni()],
  define: {
    // A WeChat package must know its server; the browser build is served by it.
    __API_ORIGIN__: JSON.stringify(process.env.JIAZAI_ORIGIN ?? ''),
  },
  build: { target: 'es2018' },
  server: {
    port: 5173,
    proxy: {
      '/api': process.env.JIAZAI_ORIGIN ?? 'http://127.0.0.1:8080',
      '/app/demo.json': process.env.JIAZAI_ORIGIN ?? 'http://127.0.0.1:8080',
    },
  },
});
