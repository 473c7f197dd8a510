import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The output is committed, so its files have stable names, and what changes rarely is apart from what changes often.
export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "react-remove-scroll": "/src/ui/removeScroll.tsx" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // nothing inline: the page's policy refuses it
    license: { fileName: "licenses.md" }, // of what is in the output; their texts have to go with it
    rolldownOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
        codeSplitting: {
          groups: [
            { name: "connect", test: /src\/connect\// },
            { name: "vendor", test: /node_modules|rolldown/ },
            { name: "shared", test: /src\/(api\/|ui\/|frame\/(Bar|SpaceSwitcher|useShortcuts)|(space|param|state|theme|problem|sets|welcome)\.ts)/ }, // by pages, which come when they are wanted
          ],
        },
      },
    },
  },
  server: { proxy: Object.fromEntries(["/api", "/session", "/consent-state"].map((path) => [path, "http://localhost:45819"])) },
});
