/** The layers of docs/architecture.md, as rules. */
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: "((main|-worker)\\.tsx?|\\.d\\.ts)$" },
      to: {},
    },
    {
      name: "format-knows-nobody",
      severity: "error",
      from: { path: "^src/format/" },
      to: { path: "^src/(?!format/)" },
    },
    {
      name: "format-does-no-io",
      severity: "error",
      from: { path: "^src/format/" },
      to: {
        dependencyTypes: ["core"],
        pathNot: "^(node:)?(crypto|zlib|buffer|util|assert|module)",
      },
    },
    {
      name: "linux-knows-only-format",
      severity: "error",
      from: { path: "^src/linux/" },
      to: { path: "^src/(?!format/|linux/)" },
    },
    {
      name: "chunks-know-only-format",
      severity: "error",
      from: { path: "^src/chunks/" },
      to: { path: "^src/(?!format/|chunks/)" },
    },
    {
      name: "fs-knows-no-program",
      severity: "error",
      from: { path: "^src/fs/" },
      to: { path: "^src/(server|client|cli)/" },
    },
    {
      name: "server-knows-no-program",
      severity: "error",
      from: { path: "^src/server/" },
      to: { path: "^src/(client|fs|cli)/" },
    },
    {
      name: "client-knows-no-program",
      severity: "error",
      from: { path: "^src/client/" },
      to: { path: "^src/(server|fs|cli)/" },
    },
    {
      name: "web-knows-only-formats-and-chunks",
      severity: "error",
      from: { path: "^src/web/" },
      to: { path: "^src/(?!web/|format/|chunks/)" },
    },
    {
      name: "web-runs-in-a-browser",
      severity: "error",
      from: { path: "^src/web/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "nobody-knows-web",
      severity: "error",
      from: { path: "^src/(?!web/)" },
      to: { path: "^src/web/" },
    },
    {
      name: "store-knows-no-http",
      severity: "error",
      from: { path: "^src/server/store/" },
      to: { path: "^src/server/(?!store/)|node_modules/fastify" },
    },
    {
      // The web page is bundled when it is built, with all it needs.
      name: "no-dev-deps-in-src",
      severity: "error",
      from: { path: "^src/(?!web/)" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".tsx", ".js", ".json", ".css"] },
  },
};
