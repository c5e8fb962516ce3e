/** What happens to one call: it fails, or it waits for something before it goes on. */
export interface Fault {
  /** Thrown instead of the call. */
  readonly error?: unknown;
  /** Awaited before the call (or the error). */
  readonly until?: Promise<unknown>;
}

/**
 * Wraps an object of asynchronous methods so that its n-th call, counting all methods from 0, meets a fault.
 *
 * Calls that the plan does not name pass through.
 */
export function faulty<T extends object>(inner: T, plan: ReadonlyMap<number, Fault>): T {
  let calls = 0;
  return new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        const fault = plan.get(calls++);
        await fault?.until;

        if (fault && "error" in fault) throw fault.error;
        return (await Reflect.apply(member, target, args)) as unknown;
      };
    },
  });
}

/** A promise that is settled from outside. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** Makes a {@link Gate}. */
export function gate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    opened,
    open: () => {
      open();
    },
  };
}
