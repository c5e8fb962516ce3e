import { type ReactElement } from "react";

/** The sign of the product; says nothing to screen readers, its name always stands beside it. */
export function AmberMark({ size }: { readonly size: number }): ReactElement {
  return <img src="./favicon.svg" width={size} height={size} alt="" />;
}
