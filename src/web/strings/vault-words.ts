/** Words about keys and what is decrypted in the page. */
export const vaultWords = {
  lockedTitle: "This snapshot is encrypted",
  lockedText:
    "Give the key file to open it. It is read by this page alone: the key never leaves your browser, and is forgotten when you log out or close the page.",
  keyNamed: (fingerprint: string) => `It needs the key ${fingerprint}.`,
  dropLabel: "Key file",
  dropHint: "Drop the key file here, or choose it",
  passphrase: "Passphrase of the key",
  passphraseHint: "Leave it empty if the key file has none",
  unlock: "Open",
  unlocking: "Deriving the key takes a moment.",
  otherKey: (given: string, wanted: string) =>
    `This key file holds the key ${given}; the snapshot needs ${wanted}.`,
  signed: "Signature checked: this is the snapshot that was made with your key.",
  unsigned:
    "Decrypted here. Nobody signed this snapshot, so nothing proves that it is the one you made.",
  openedWith: "Opened with your key, in this page",
  notAKeyFile: "This file is no key file.",
} as const;
