import { defineConfig } from "vite";

// Grafana's components are a few MB in one piece: this page is drawn on the machine that serves it.
export default defineConfig({
  base: "./",
  build: { outDir: process.env.OUT ?? "dist", emptyOutDir: true, chunkSizeWarningLimit: 20000 },
  esbuild: { jsx: "automatic" },
});
