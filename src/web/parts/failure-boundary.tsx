import { Alert } from "@mantine/core";
import { Component, type ReactNode } from "react";

import { frameWords } from "../strings/frame-words.ts";
import { errorText } from "./error-notice.tsx";

interface State {
  readonly error?: unknown;
}

/** Keeps a mistake of ours inside the part of the page where it happened. */
export class FailureBoundary extends Component<{ readonly children: ReactNode }, State> {
  override state: State = {};

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return (
      <Alert color="red" title={frameWords.brokenTitle} role="alert">
        {errorText(this.state.error)}
      </Alert>
    );
  }
}
