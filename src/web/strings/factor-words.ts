const kinds: Readonly<Record<string, string>> = {
  totp: "Authenticator app",
  recovery: "Each key works once",
  webauthn: "Security key (WebAuthn)",
  u2f: "Security key (U2F)",
  yubico: "Yubico key",
};

/** Words about second factors: authenticator apps and recovery keys. */
export const factorWords = {
  issuer: "Amber",
  title: (user: string) => `Second factor of ${user}`,
  menu: "Second factor …",
  none: "None: the password alone is enough to log in.",
  noRecovery:
    "There are no recovery keys. Whoever loses the telephone then needs an administrator to log in again.",
  kindOf: (type: string) => kinds[type] ?? type,
  recovery: "Recovery keys",
  off: "switched off",
  enable: "Switch on …",
  disable: "Switch off …",
  remove: "Remove …",
  removeLabel: (name: string) => `Remove ${name} …`,
  acts: {
    remove: {
      title: (name: string) => `Remove “${name}”?`,
      text: (user: string) =>
        `${user} can no longer prove itself with it. Without any second factor the password alone is enough.`,
      confirm: "Remove it",
    },
    enable: {
      title: (name: string) => `Switch “${name}” on?`,
      text: (user: string) => `${user} is asked for its codes from the next login on.`,
      confirm: "Switch on",
    },
    disable: {
      title: (name: string) => `Switch “${name}” off?`,
      text: (user: string) =>
        `Codes of it are no longer accepted for ${user}. It can be switched on again.`,
      confirm: "Switch off",
    },
  },
  addTotp: "Add an authenticator app",
  addTotpConfirm: "Add it",
  totpTitle: (user: string) => `Authenticator app for ${user}`,
  scan: "Scan this with an authenticator app, then type the code that it shows.",
  qrLabel: "QR code for the authenticator app",
  byHand: "No camera at hand? Type this into the app:",
  secret: "Secret",
  description: "Name",
  descriptionHint: "To tell several apps apart",
  appName: "Authenticator app",
  code: "Code",
  codeHint: "Six digits that the app shows now",
  addRecovery: "Make recovery keys",
  addRecoveryConfirm: "Make keys",
  recoveryText:
    "Ten keys to print or to keep in a safe place. Each replaces the code of the app once: for the day the telephone is gone.",
  keysTitle: (user: string) => `Recovery keys of ${user}`,
  keysText: "These are shown only now. Print them or copy them to a safe place.",
  keysHint:
    "Each key works once, in place of a code. The server keeps only what is needed to check them.",
  locked: "second factor locked",
  unlock: "Unlock its second factor",
  unlocked: (user: string) => `The second factor of ${user} is unlocked.`,
} as const;
