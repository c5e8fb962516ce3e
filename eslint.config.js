import js from "@eslint/js";
import jsdoc from "eslint-plugin-jsdoc";
import n from "eslint-plugin-n";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const wallClock = "Take a Clock (src/format/clock.ts): time is a parameter.";

const clockAndChance = [
  { object: "Date", property: "now", message: wallClock },
  { object: "Math", property: "random", message: "Chance is a parameter." },
];

export default tseslint.config(
  { ignores: ["dist/", "coverage/", "node_modules/", "fixtures/"] },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
      jsdoc.configs["flat/recommended-typescript-error"],
    ],
    plugins: { n },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: false },
      ],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/return-await": ["error", "always"],
      "@typescript-eslint/promise-function-async": ["error", { checkArrowFunctions: false }],
      "@typescript-eslint/no-unsafe-type-assertion": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/strict-boolean-expressions": ["error", { allowNullableObject: true }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-import-type-side-effects": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-restricted-properties": [
        "error",
        ...clockAndChance,
        {
          object: "AbortSignal",
          property: "any",
          message:
            "Use abortOnAny (src/chunks/abort-on-any.ts): in Node 20 a garbage collection can take the signals it joins.",
        },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: wallClock },
        { selector: "ExportDefaultDeclaration", message: "Named exports only." },
        { selector: "ExportAllDeclaration", message: "No barrels." },
      ],
      "@typescript-eslint/prefer-for-of": "off",
      "jsdoc/check-param-names": "off",
      "n/no-process-env": "error",
      "n/no-process-exit": "error",
      "n/no-sync": "error",
      "n/prefer-node-protocol": "error",
      "no-console": "error",
      "jsdoc/informative-docs": "error",
      "jsdoc/require-jsdoc": [
        "error",
        {
          publicOnly: true,
          contexts: [
            "TSInterfaceDeclaration",
            "TSTypeAliasDeclaration",
            "ExportNamedDeclaration > VariableDeclaration",
          ],
          require: { ClassDeclaration: true, FunctionDeclaration: true, MethodDefinition: false },
        },
      ],
      "jsdoc/require-description": ["error", { contexts: ["any"] }],
      "jsdoc/require-param": "off",
      "jsdoc/require-returns": "off",
      "jsdoc/require-yields": "off",
      "jsdoc/require-yields-type": "off",
      "jsdoc/require-throws-type": "off",
      "jsdoc/require-throws-description": "off",
      "jsdoc/require-template": "off",
      "jsdoc/tag-lines": "off",
    },
  },
  {
    // The edges: one file each that reads the environment, talks to the console or blocks on purpose.
    files: ["src/**/config.ts", "src/cli/**/*.ts"],
    rules: { "n/no-process-env": "off" },
  },
  {
    // Threads of their own may block: nothing else runs in them (docs/decisions).
    files: [
      "src/linux/**/*.ts",
      "src/**/*-worker.ts",
      "src/fs/**/*.ts",
      "src/client/{source,target,archive}/**/*.ts",
    ],
    rules: { "n/no-sync": "off" },
  },
  {
    // The web page: a browser in place of Node. Handlers of events may be asynchronous, they report what fails themselves.
    files: ["src/web/**/*.{ts,tsx}"],
    plugins: { "react-hooks": reactHooks },
    rules: {
      ...reactHooks.configs.recommended.rules,
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    // Queries have types that nobody can write down (@tanstack/react-query).
    files: ["src/web/api/*.ts"],
    rules: { "@typescript-eslint/explicit-module-boundary-types": "off" },
  },
  {
    files: ["test/**/*.ts", "bench/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unsafe-type-assertion": "off",
      "@typescript-eslint/no-unused-expressions": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/strict-boolean-expressions": "off",
      "@typescript-eslint/explicit-module-boundary-types": "off",
      "jsdoc/require-jsdoc": "off",
      "jsdoc/require-description": "off",
      "n/no-sync": "off",
      "n/no-process-env": "off",
      "no-console": "off",
      "no-restricted-properties": "off",
      "no-restricted-syntax": "off",
    },
  },
);
