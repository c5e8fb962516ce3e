import koffi, { type LibraryHandle, type TypeObject } from "koffi";

const PAM_SUCCESS = 0;
const PAM_BUF_ERR = 5;
const PAM_CONV_ERR = 19;

/** Item that holds the function which delays after a failure; we delay ourselves. */
const PAM_FAIL_DELAY = 10;

const PAM_SILENT = 0x8000;
const PAM_DISALLOW_NULL_AUTHTOK = 1;

const PROMPT_ECHO_OFF = 1;
const PROMPT_ECHO_ON = 2;

/** Most messages in one call of the conversation: `PAM_MAX_NUM_MSG`. */
const MESSAGES_MAX = 32;

/** Who wants to log in, and through which stack of modules. */
export interface PamRequest {
  readonly service: string;
  readonly user: string;
  readonly password: string;
  /** Folder of the service's file in place of `/etc/pam.d`. */
  readonly configDirectory?: string | undefined;
}

/**
 * Asks the system's PAM whether a password is right, and whether the account may be used (it has not expired, is not locked).
 *
 * The password answers every question that is asked without echo, the name those with echo: a stack that asks for more than a password
 * refuses. Runs off the calling thread. Modules that need root, such as `pam_unix` for other users than one's own, fail without it.
 *
 * @returns `missing` when the system has no such library.
 */
export async function pamAuthenticate(request: PamRequest): Promise<"right" | "wrong" | "missing"> {
  library ??= bindPam();
  if (library === "missing") return "missing";
  if (`${request.user}${request.password}`.includes("\0")) return "wrong";
  return (await isRight(library, request)) ? "right" : "wrong";
}

async function isRight(pam: Pam, request: PamRequest): Promise<boolean> {
  const converse = koffi.register(
    (count: number, messages: unknown, responses: unknown): number =>
      answer(pam, { count, messages, responses }, request),
    koffi.pointer(pam.converse),
  );
  const noDelay = koffi.register(() => undefined, koffi.pointer(pam.delay));
  const handle: [unknown] = [null];
  let status: number | undefined;
  try {
    status = await pam.start(request, { conv: converse, appdata_ptr: null }, handle);
    if (status !== PAM_SUCCESS) return false;
    // A delay inside would hold a thread that other logins wait for.
    pam.setItem(handle[0], PAM_FAIL_DELAY, noDelay);
    const flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
    status = await pam.authenticate(handle[0], flags);
    if (status === PAM_SUCCESS) status = await pam.account(handle[0], flags);
    return status === PAM_SUCCESS;
  } finally {
    if (handle[0] !== null) pam.end(handle[0], status ?? PAM_SUCCESS);
    koffi.unregister(converse);
    koffi.unregister(noDelay);
  }
}

/** Answers the questions of one round; the answers are freed by the library. */
function answer(
  pam: Pam,
  round: { readonly count: number; readonly messages: unknown; readonly responses: unknown },
  { user, password }: PamRequest,
): number {
  const { count } = round;
  if (count <= 0 || count > MESSAGES_MAX) return PAM_CONV_ERR;
  const all = pam.allocate(count, koffi.sizeof(pam.response));
  if (all === null) return PAM_BUF_ERR;
  const pointers: unknown = koffi.decode(round.messages, koffi.array("void *", count));
  if (!Array.isArray(pointers)) return PAM_CONV_ERR;
  pointers.forEach((pointer: unknown, index) => {
    const style: unknown = koffi.decode(pointer, "int");
    const text = style === PROMPT_ECHO_OFF ? password : style === PROMPT_ECHO_ON ? user : undefined;
    const resp = text === undefined ? null : pam.duplicate(text);
    const offset = index * koffi.sizeof(pam.response);
    koffi.encode(all, offset, pam.response, { resp, resp_retcode: 0 });
  });
  koffi.encode(round.responses, "void *", all);
  return PAM_SUCCESS;
}

/** The library's functions in our vocabulary; those that may wait run in another thread. */
interface Pam {
  readonly converse: TypeObject;
  readonly delay: TypeObject;
  readonly response: TypeObject;
  readonly start: (request: PamRequest, conversation: object, handle: [unknown]) => Promise<number>;
  readonly setItem: (handle: unknown, item: number, value: unknown) => number;
  readonly authenticate: (handle: unknown, flags: number) => Promise<number>;
  readonly account: (handle: unknown, flags: number) => Promise<number>;
  readonly end: (handle: unknown, status: number) => number;
  readonly allocate: (count: number, size: number) => unknown;
  readonly duplicate: (text: string) => unknown;
}

let library: Pam | "missing" | undefined;

function bindPam(): Pam | "missing" {
  let pam: LibraryHandle;
  try {
    pam = koffi.load("libpam.so.0");
  } catch {
    return "missing";
  }
  const libc = koffi.load("libc.so.6");
  const converse = koffi.proto(
    "int amber_pam_converse(int count, void *messages, void *responses, void *data)",
  );
  const delay = koffi.proto("void amber_pam_delay(int status, unsigned int usec, void *data)");
  const response = koffi.struct("amber_pam_response", { resp: "void *", resp_retcode: "int" });
  koffi.struct("amber_pam_conv", { conv: koffi.pointer(converse), appdata_ptr: "void *" });
  const conversation = "const amber_pam_conv *conv, _Out_ void **handle";
  const start = pam.func(`int pam_start(const char *service, const char *user, ${conversation})`);
  const startIn = bindOptional(
    pam,
    `int pam_start_confdir(const char *service, const char *user, const amber_pam_conv *conv, const char *confdir, _Out_ void **handle)`,
  );
  const setItem = pam.func("int pam_set_item(void *handle, int item, void *value)");
  const authenticate = pam.func("int pam_authenticate(void *handle, int flags)");
  const account = pam.func("int pam_acct_mgmt(void *handle, int flags)");
  const end = pam.func("int pam_end(void *handle, int status)");
  const calloc = libc.func("void *calloc(size_t count, size_t size)");
  const strdup = libc.func("void *strdup(const char *text)");
  return {
    converse,
    delay,
    response,
    start: async ({ service, user, configDirectory: folder }, conv, handle) => {
      if (folder === undefined) return await called(start, service, user, conv, handle);
      if (!startIn) throw new Error("this libpam cannot use another folder");
      return await called(startIn, service, user, conv, folder, handle);
    },
    setItem: (handle, item, value) => Number(setItem(handle, item, value)),
    authenticate: async (handle, flags) => await called(authenticate, handle, flags),
    account: async (handle, flags) => await called(account, handle, flags),
    end: (handle, status) => Number(end(handle, status)),
    allocate: (count, size) => calloc(count, size) as unknown,
    duplicate: (text) => strdup(text) as unknown,
  };
}

type Bound = ReturnType<LibraryHandle["func"]>;

function bindOptional(from: LibraryHandle, declaration: string): Bound | undefined {
  try {
    return from.func(declaration);
  } catch {
    return undefined;
  }
}

async function called(bound: Bound, ...given: readonly unknown[]): Promise<number> {
  return await new Promise((resolve, reject) => {
    bound.async(...given, (error: unknown, status: number) => {
      if (error instanceof Error) reject(error);
      else resolve(status);
    });
  });
}
