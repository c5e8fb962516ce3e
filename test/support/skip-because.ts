/** Skips a test, or all of a group, where something it needs is missing, and says what. */
export function skipBecause(context: Mocha.Context, reason: string): never {
  console.log(`      skipped: ${reason}`);
  return context.skip();
}
