import { type TaskEntry, type TaskRegistry } from "./task-registry.ts";

/** The running tasks that work in a datastore: their name begins with it. */
export function tasksOn(tasks: Pick<TaskRegistry, "list">, store: string): readonly TaskEntry[] {
  return [...tasks.list()].filter(
    ({ end, parts }) => !end && (parts.id === store || parts.id.startsWith(`${store}:`)),
  );
}
