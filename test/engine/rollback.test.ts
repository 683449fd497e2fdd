import { expect, test } from "vitest";
import { type AgentFunction, createMemoryJournal, definePipeline, type PipelineDefinition } from "../../src/index.ts";
import { endOf } from "../support/run.ts";
