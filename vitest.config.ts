import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Only for what hangs: tests use virtual time, but those that start real processes share a slow machine with others.
    testTimeout: 20_000,
    expect: { requireAssertions: true },
  },
});
