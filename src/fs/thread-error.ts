/** An error as plain data, to cross from one thread to another without losing its name and code. */
export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
  readonly cause: ErrorDescription | undefined;
}

/** Depth to which causes are followed, against chains that bite their tail. */
const CAUSES_MAX = 8;

/** Describes anything that was thrown. */
export function describeError(thrown: unknown, depth = 0): ErrorDescription {
  if (!(thrown instanceof Error)) {
    return {
      name: "Error",
      message: String(thrown),
      code: undefined,
      stack: undefined,
      cause: undefined,
    };
  }
  const code: unknown = Reflect.get(thrown, "code");
  return {
    name: thrown.name,
    message: thrown.message,
    code: typeof code === "string" ? code : undefined,
    stack: thrown.stack,
    cause:
      thrown.cause !== undefined && depth < CAUSES_MAX
        ? describeError(thrown.cause, depth + 1)
        : undefined,
  };
}

/** Makes an `Error` of a description, with its name, message, code, stack and causes, but of no class of ours. */
export function rebuildError(description: ErrorDescription): Error {
  const { name, message, code, stack, cause } = description;
  const error = new Error(message, cause === undefined ? {} : { cause: rebuildError(cause) });
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return code === undefined ? error : Object.assign(error, { code });
}
