/** An answer of the server that is a refusal, or none at all. */
export class ApiFailure extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ApiFailure";
    this.status = status;
  }
}

/** Values of parameters; those that are `undefined` are left out, lists repeat their name. */
export type ApiParameters = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** An answer with what may stand beside its data. */
export interface ApiAnswer<Data> {
  readonly data: Data;
  /** Entries there are in all, for lists that come in pages. */
  readonly total?: number;
  /** State of the configuration, to send back with a change. */
  readonly digest?: string;
  /** Whether a task whose log was asked for is still running. */
  readonly active?: boolean;
}

let csrfToken: string | undefined;
let onExpired: ((method: string) => void) | undefined;

/** Sets the token that every change has to carry; `undefined` after logging out. */
export function setCsrfToken(token: string | undefined): void {
  csrfToken = token;
}

/** Sets what is called, with the method, when a request is refused as if the server no longer knew who we are. */
export function setExpiryHandler(handler: (method: string) => void): void {
  onExpired = handler;
}

/** Address of something that a GET gives, for links and downloads. */
export function apiUrl(path: string, parameters: ApiParameters = {}): string {
  const query = encodeParameters(parameters).toString();
  return `/api2/json${path}${query === "" ? "" : `?${query}`}`;
}

/**
 * Reads from the API.
 *
 * @throws {ApiFailure} With the server's words.
 */
export async function apiGet<Data>(path: string, parameters?: ApiParameters): Promise<Data> {
  return (await apiGetWhole<Data>(path, parameters)).data;
}

/** Like {@link apiGet}, with what stands beside the data. */
export async function apiGetWhole<Data>(
  path: string,
  parameters?: ApiParameters,
): Promise<ApiAnswer<Data>> {
  return await answerOf(await send(apiUrl(path, parameters), { method: "GET" }));
}

/**
 * Changes something by the API.
 *
 * @throws {ApiFailure} With the server's words.
 */
export async function apiSend<Data = null>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  parameters: ApiParameters = {},
): Promise<Data> {
  const headers: Record<string, string> = {};
  if (csrfToken !== undefined) headers["CSRFPreventionToken"] = csrfToken;
  let url = apiUrl(path);
  const init: RequestInit & { method: string } = { method, headers };
  if (method === "DELETE") url = apiUrl(path, parameters);
  else {
    headers["content-type"] = "application/json";
    init.body = JSON.stringify(parameters);
  }
  const answer: ApiAnswer<Data> = await answerOf(await send(url, init));
  return answer.data;
}

/** A path below the API with its variable parts escaped. */
export function apiPath(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return parts.reduce(
    (path, part, i) => `${path}${encodeURIComponent(values[i - 1] ?? "")}${part}`,
  );
}

async function send(url: string, init: RequestInit & { method: string }): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "same-origin" });
  } catch (cause) {
    throw new ApiFailure(0, "", { cause });
  }
  if (response.ok) return response;
  const text = (await response.text()).trim();
  if (response.status === 401 && !url.includes("/access/ticket")) onExpired?.(init.method);
  throw new ApiFailure(response.status, text);
}

async function answerOf<Data>(response: Response): Promise<ApiAnswer<Data>> {
  const answer: unknown = await response.json();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the server holds its replies to their schemas
  return answer as ApiAnswer<Data>;
}

function encodeParameters(parameters: ApiParameters): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const each of typeof value === "object" ? value : [value])
      query.append(name, String(each));
  }
  return query;
}
