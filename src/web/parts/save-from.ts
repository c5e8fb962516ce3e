/** Lets the browser save what an address gives, streamed to disk, under a name. */
export function saveFrom(url: string, fileName: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  document.body.append(link);
  link.click();
  link.remove();
}
