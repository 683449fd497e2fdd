/** The library: load or define a pipeline, register agents as functions, run it, listen to it, cancel it, go on with it. */
export { AgentError } from "./engine/failure.ts";
export type { Failure, Usage } from "./engine/failure.ts";
export type { AgentContext, AgentFunction, Metadata } from "./engine/agent.ts";
export type { Clock } from "./engine/clock.ts";
export type { SharedValues } from "./engine/shared-values.ts";
export type { RunEvent, RunEventType, StageRef, Stamped } from "./engine/event.ts";
export type { HookPayload } from "./engine/hooks.ts";
export type { AttemptResult, RunError, RunResult, RunStatus, StageResult, StageStatus } from "./engine/result.ts";
export { definePipeline, InputError, loadPipeline, parsePipeline, PipelineError } from "./pipeline/pipeline.ts";
export type { HookCallback } from "./pipeline/listener.ts";
export type { Pipeline, PipelineOptions, RunOptions, World } from "./pipeline/pipeline.ts";
export { openStore } from "./pipeline/open-store.ts";
export { ResumeError } from "./pipeline/resume.ts";
export type { AgainOptions, PreparedRun } from "./pipeline/resume.ts";
export type { PreparedRerun, RerunOptions } from "./pipeline/rerun.ts";
export type { Run } from "./pipeline/run.ts";
export type { Plan } from "./plan/plan.ts";
export { UnreadableFileError } from "./plan/source.ts";
export type { Diagnostic, Path, Related, Span } from "./spec/diagnostic.ts";
export type { Json, JsonObject } from "./spec/json.ts";
export type { AgentDefinition, FailureKind, HookEvent, PipelineDefinition } from "./spec/spec.ts";
export type { Outcome } from "./engine/durable.ts";
export type { Journal } from "./store/journal.ts";
export { createMemoryJournal } from "./store/journal.ts";
export { storeContract } from "./store/contract.ts";
export type { ContractCase } from "./store/contract.ts";
export { createMemoryStore } from "./store/memory.ts";
export { StoreError } from "./store/store.ts";
export type {
  AcquireOptions,
  NotedProcess,
  OwnedRun,
  RunEnd,
  RunOwner,
  RunRecord,
  RunSummary,
  Store,
  StoredRun,
  StoreErrorCode,
} from "./store/store.ts";
