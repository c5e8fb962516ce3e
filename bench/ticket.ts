import { once } from "node:events";
import { type IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";

/** A ticket, which clients can use as a password: it is checked at once, a real password takes 80 ms on purpose and waits for its turn. */
export async function ticketOf(env: NodeJS.ProcessEnv): Promise<string> {
  const port = /:(\d+):/.exec(env["PBS_REPOSITORY"] ?? "")?.[1];
  const body = new URLSearchParams({
    username: "admin@pbs",
    password: env["PBS_PASSWORD"] ?? "",
  }).toString();
  const sent = request(`https://127.0.0.1:${port}/api2/json/access/ticket`, {
    method: "POST",
    rejectUnauthorized: false,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const { data } = JSON.parse(await text(answer)) as { data: { ticket: string } };
  return data.ticket;
}
