import "react";

declare module "react" {
  /** Styles may set variables of the stylesheet. */
  // eslint-disable-next-line @typescript-eslint/consistent-indexed-object-style -- only an interface can be added to
  interface CSSProperties {
    readonly [name: `--${string}`]: string | number | undefined;
  }
}
