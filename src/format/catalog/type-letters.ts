/** Letters by which listings and the API call the kinds of entries (spec rest-api.md §5.6). */
export const typeLetters = {
  directory: "d",
  file: "f",
  symlink: "l",
  hardlink: "h",
  "block-device": "b",
  "character-device": "c",
  fifo: "p",
  socket: "s",
} as const;
