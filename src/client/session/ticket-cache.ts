import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";

import { type Clock } from "../../format/clock.ts";
import { replacePrivateFile } from "./private-file.ts";

/** A login that `amber login` left for later commands. */
export interface CachedTicket {
  /** When the server issued it, in seconds since the epoch. */
  readonly timestamp: number;
  /** Opaque; used as the password of a refresh. */
  readonly ticket: string;
  /** CSRF token. */
  readonly token: string;
}

/** Seconds after which an entry is ignored and dropped: two hours less a minute (spec auth.md §11.3). */
export const TICKET_AGE_SEC_MAX: number = 2 * 3600 - 60;

type Entries = Record<string, Record<string, CachedTicket>>;

/**
 * The file `tickets` in the runtime directory, shared with other clients of this format (spec auth.md §11.3).
 *
 * A missing or damaged file counts as empty. Two programs that write at once may lose one entry, never the file.
 */
export class TicketCache {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Ticket of a user at a server, if there is one young enough. */
  async find(server: string, userId: string): Promise<CachedTicket | undefined> {
    const entries = await this.#read();
    return entries[server]?.[userId];
  }

  /** Stores a ticket in place of the one before. */
  async store(server: string, userId: string, ticket: CachedTicket): Promise<void> {
    const entries = await this.#read();
    await this.#write({ ...entries, [server]: { ...entries[server], [userId]: ticket } });
  }

  /** Forgets the ticket of a user at a server; nothing happens when there is none. */
  async remove(server: string, userId: string): Promise<void> {
    const entries = await this.#read();
    if (entries[server]?.[userId] === undefined) return;
    const others = Object.entries(entries[server]).filter(([user]) => user !== userId);
    await this.#write({ ...entries, [server]: Object.fromEntries(others) });
  }

  async #read(): Promise<Entries> {
    let content: unknown;
    try {
      content = JSON.parse(await readFile(this.#path, "utf8"));
    } catch {
      return {};
    }
    const entries: Entries = {};
    for (const [server, users] of members(content)) {
      for (const [user, value] of members(users)) {
        const ticket = parseTicket(value);
        if (ticket && this.#isYoung(ticket)) (entries[server] ??= {})[user] = ticket;
      }
    }
    return entries;
  }

  async #write(entries: Entries): Promise<void> {
    const filled = Object.entries(entries).filter(([, users]) => Object.keys(users).length > 0);
    const content = JSON.stringify(Object.fromEntries(filled));
    await replacePrivateFile(this.#path, content, randomUUID());
  }

  #isYoung(ticket: CachedTicket): boolean {
    const ageSec = this.#clock.nowSec() - ticket.timestamp;
    return ageSec < TICKET_AGE_SEC_MAX && ageSec > -300;
  }
}

function members(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function parseTicket(value: unknown): CachedTicket | undefined {
  const fields = Object.fromEntries(members(value));
  const { timestamp, ticket, token } = fields;
  return typeof timestamp === "number" && typeof ticket === "string" && typeof token === "string"
    ? { timestamp, ticket, token }
    : undefined;
}
