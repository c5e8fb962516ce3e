import { BackupError } from "../../format/backup-error.ts";
import { onOneLine } from "./notification.ts";

/** Every way a notification can fail to arrive. */
export const deliveryErrorMeanings = {
  DELIVERY_UNREACHABLE: "the other side cannot be reached or cannot take it now",
  DELIVERY_REFUSED: "the other side does not want it",
  DELIVERY_UNSUITABLE: "the configuration of the target does not say where it goes",
} as const;

/** Stable identifier of a {@link DeliveryError}. */
export type DeliveryErrorCode = keyof typeof deliveryErrorMeanings;

/** Most characters of what the other side said. */
const REASON_CHARACTERS_MAX = 300;

/** Thrown by everything that delivers notifications; the text holds no secret. */
export class DeliveryError extends BackupError {
  override readonly code: DeliveryErrorCode;

  constructor(code: DeliveryErrorCode, target: string, detail?: string, options?: ErrorOptions) {
    const reason = onOneLine(detail ?? deliveryErrorMeanings[code]);
    super(
      `Cannot send notification to "${target}": ${reason.slice(0, REASON_CHARACTERS_MAX)}`,
      options,
    );
    this.code = code;
  }
}
