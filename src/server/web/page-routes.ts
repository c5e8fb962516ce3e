import { randomBytes } from "node:crypto";

import { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";

import { fileHeaders, pageHeaders, STYLE_NONCE_MARK } from "./page-headers.ts";
import { codings, type PageFile } from "./page-files.ts";

/** Cached for a year without asking again: the name of the file changes with its content. */
const FOR_EVER = "public, max-age=31536000, immutable";

const NO_PAGE = `This is Amber, a backup server; its API is at /api2/json.

The web page is not part of this installation: "npm run build" makes it (dist/web), and the server has to be started again.
`;

/**
 * Adds the web page at `/` and its files.
 *
 * @param files By path; without `/index.html` there is only a text that says so.
 */
export function addPageRoutes(app: FastifyInstance, files: ReadonlyMap<string, PageFile>): void {
  const page = files.get("/index.html");
  app.route({
    method: ["GET", "HEAD"],
    url: "/",
    config: { access: "world" },
    handler: (_request, reply) => (page ? sendPage(reply, page) : sendNotice(reply)),
  });
  for (const [path, file] of files) {
    if (path === "/index.html") continue;
    app.route({
      method: ["GET", "HEAD"],
      url: path,
      config: { access: "world" },
      handler: (request, reply) => sendFile(request, reply, { path, file }),
    });
  }
}

function sendPage(reply: FastifyReply, page: PageFile): FastifyReply {
  const nonce = randomBytes(18).toString("base64url");
  const text = new TextDecoder().decode(page.plain).replaceAll(STYLE_NONCE_MARK, nonce);
  return reply
    .headers({ ...pageHeaders(nonce), "cache-control": "no-store" })
    .type(page.contentType)
    .send(text);
}

function sendNotice(reply: FastifyReply): FastifyReply {
  return reply.code(404).headers(fileHeaders).type("text/plain;charset=UTF-8").send(NO_PAGE);
}

function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { path, file }: { readonly path: string; readonly file: PageFile },
): FastifyReply {
  const accepted = acceptedCodings(request.headers["accept-encoding"]);
  const coding = codings.find((each) => accepted.has(each) && file.compressed[each] !== undefined);
  const isNamedByContent = path.startsWith("/assets/");
  reply.headers({
    ...fileHeaders,
    "cache-control": isNamedByContent ? FOR_EVER : "no-cache",
    vary: "accept-encoding",
    ...(coding === undefined ? {} : { "content-encoding": coding }),
  });
  const bytes = coding === undefined ? file.plain : file.compressed[coding];
  return reply.type(file.contentType).send(bytes ?? file.plain);
}

/** Codings a client named and did not refuse by `q=0`; `*` is not taken for an invitation. */
function acceptedCodings(header: string | string[] | undefined): ReadonlySet<string> {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  const parts = text.split(",").map((part) => part.trim().toLowerCase());
  return new Set(
    parts
      .filter((part) => !/;\s*q=0(\.0*)?$/.test(part))
      .map((part) => part.split(";")[0]?.trim() ?? ""),
  );
}
