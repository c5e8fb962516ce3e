/** Words that tell how to use a datastore from another machine. */
export const connectWords = {
  intro: "What another machine needs to back up to this datastore, and to open what is in it.",
  user: "User or token",
  userHint: "Best a token of its own for every machine: Administration, Users",
  namespace: "Namespace",
  repository: "Repository",
  fingerprint: "Fingerprint of the server's certificate",
  environment: "Set the connection once",
  passwordComment: "# the password, or the secret of the token",
  backup: "Back up a folder",
  restore: "Restore it",
  mount: "Open every backup as a folder",
  official: "With the official client it is the same, by its name",
  notKnown: "not known: you lack the privilege to see it",
} as const;
