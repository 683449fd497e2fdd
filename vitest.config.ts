import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // See vitest.faults.config.ts.
    exclude: [...configDefaults.exclude, "test/faults/**"],
    // Only for what hangs: tests use virtual time, but those that start real processes share a slow machine with others.
    testTimeout: 20_000,
    // All cores: by default one is kept for the user, which on two cores means half.
    maxWorkers: "100%",
    expect: { requireAssertions: true },
  },
});
