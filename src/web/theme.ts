import { createTheme, type MantineThemeOverride } from "@mantine/core";

/** Colours and shapes of the page: amber on warm greys, text in the system's own font. */
export const theme: MantineThemeOverride = createTheme({
  primaryColor: "amber",
  primaryShade: { light: 5, dark: 4 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, monospace",
  headings: { fontWeight: "650" },
  colors: {
    amber: [
      "#fff8e6",
      "#fff0cc",
      "#ffdf99",
      "#ffcd61",
      "#ffbe36",
      "#f5a80f",
      "#c27a06",
      "#9a5f07",
      "#7a4a09",
      "#5f390a",
    ],
  },
});
