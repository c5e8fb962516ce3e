/** The layers of docs/architecture.md, as rules. */
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: "(main|-worker)\\.ts$" },
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
      name: "store-knows-no-http",
      severity: "error",
      from: { path: "^src/server/store/" },
      to: { path: "^src/server/(?!store/)|node_modules/fastify" },
    },
    {
      name: "no-dev-deps-in-src",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json"] },
  },
};
