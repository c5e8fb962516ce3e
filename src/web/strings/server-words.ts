/** Words about the server itself. */
export const serverWords = {
  notAllowed: "You lack the privilege to see the state of the server.",
  version: "Program",
  processor: "Processor",
  load: "Load",
  memory: "Memory",
  root: "Root disk",
  uptime: "Runs for",
  kernel: "Kernel",
  cores: (count: number) => (count === 1 ? "1 core" : `${count} cores`),
  certificate: "Certificate",
  subject: "Issued for",
  validUntil: "Valid until",
  fingerprint: "Fingerprint",
  used: (used: string, total: string) => `${used} of ${total}`,
  wait: (percent: string) => `${percent} waiting for disks`,
} as const;
