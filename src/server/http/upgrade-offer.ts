import { type IncomingMessage } from "node:http";

import { type FrontConnection } from "./front-connection.ts";

/** A connection whose client asked for another protocol. */
export interface UpgradeOffer {
  readonly front: FrontConnection;
  /** Bytes the parser read behind the request. */
  readonly head: Uint8Array;
}

const offers = new WeakMap<IncomingMessage, UpgradeOffer>();

/** Remembers the connection of an upgrade request until a handler takes it. */
export function offerUpgrade(request: IncomingMessage, offer: UpgradeOffer): void {
  offers.set(request, offer);
}

/** The connection of an upgrade request; `undefined` for every other request. */
export function upgradeOffer(request: IncomingMessage): UpgradeOffer | undefined {
  return offers.get(request);
}
