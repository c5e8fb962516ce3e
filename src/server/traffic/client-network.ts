import { BlockList, isIP } from "node:net";

import { FormatError } from "../../format/format-error.ts";

/** A network that clients may be in. */
export interface ClientNetwork {
  /** Length of its prefix as that of an IPv6 network: the longer, the more special. */
  readonly prefixBits: number;
  readonly contains: (address: string) => boolean;
}

/**
 * Parses `192.0.2.0/24`, `fd00::/8` or an address alone.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseClientNetwork(text: string): ClientNetwork {
  const [address = "", bits] = text.split("/");
  const version = isIP(address);
  const longest = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : NaN;
  if (version === 0 || !(prefix <= longest)) {
    throw new FormatError("FORMAT_INVALID", `"${text}"`, "it is no network like 192.0.2.0/24");
  }
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(address, prefix, family);
  return {
    prefixBits: prefix + (version === 4 ? 96 : 0),
    contains: (peer) => {
      const plain = peer.replace(/^::ffff:(?=[0-9.]+$)/, "");
      const kind = isIP(plain) === 4 ? "ipv4" : "ipv6";
      return isIP(plain) !== 0 && kind === family && list.check(plain, kind);
    },
  };
}
