import { type ManagerCommand } from "./manager-command.ts";

/** `node …`, `cert …`, `task …`, `versions`: the server itself (spec client-cli.md §6). */
export const nodeCommands: readonly ManagerCommand[] = [
  {
    names: "node show",
    description: "show settings of the server as a whole",
    method: "GET",
    path: "nodes/localhost/config",
    result: "entry",
  },
  {
    names: "node update",
    description: "change settings of the server; what is not given stays",
    method: "PUT",
    path: "nodes/localhost/config",
    options: [
      "email-from",
      "description",
      "default-lang",
      "task-log-max-days",
      "consent-text",
      "delete",
      "digest",
    ],
    result: "nothing",
  },
  {
    names: "cert info",
    description: "show the server's certificate and its fingerprint",
    method: "GET",
    path: "nodes/localhost/certificates/info",
    result: "certificates",
  },
  {
    names: "cert install",
    description: "install a certificate of your own, for new connections at once",
    method: "POST",
    path: "nodes/localhost/certificates/custom",
    options: ["certificates", "key", "force"],
    result: "certificates",
  },
  {
    names: "cert update",
    description: "make a new certificate that the server signs itself",
    method: "DELETE",
    path: "nodes/localhost/certificates/custom",
    result: "nothing",
  },
  {
    names: "task list",
    description: "list tasks that are running, or with --running false all",
    method: "GET",
    path: "nodes/localhost/tasks",
    options: ["running", "limit"],
    fixed: { running: true, limit: 50 },
    result: {
      columns: ["starttime", "endtime", "user", "worker_type", "worker_id", "status", "upid"],
    },
  },
  {
    names: "task log",
    description: "print the log of a task, until it ends",
    method: "GET",
    path: "nodes/localhost/tasks/{upid}/status",
    args: ["upid"],
    result: "log",
  },
  {
    names: "task stop",
    description: "ask a task to end",
    method: "DELETE",
    path: "nodes/localhost/tasks/{upid}",
    args: ["upid"],
    result: "nothing",
  },
  {
    names: "versions",
    description: "print the server's version",
    method: "GET",
    path: "version",
    result: "entry",
  },
];
