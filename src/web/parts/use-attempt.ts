import { tell } from "./notices.tsx";
import { errorText } from "./error-notice.tsx";

/** Gives a function that does something asked for by a menu, and says so if it fails. */
export function useAttempt(): (act: () => Promise<void>) => void {
  return (act) => {
    act().catch((error: unknown) => {
      tell({ text: errorText(error), tone: "failure" });
    });
  };
}
