import { defineConfig } from "vitest/config";

/** `npm run test:faults`: real processes that are killed, frozen and starved. They take longer than the suite has patience for. */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    testTimeout: 120_000,
    maxWorkers: "100%",
    expect: { requireAssertions: true },
  },
});
