/** Every kind of operation, in one table. Code that must know one kind from another looks it up here. */
import { z } from "zod";
import { backtestOperation } from "./backtest.ts";
import { commandOperation } from "./command.ts";
import type { DataRequest } from "./data-request.ts";
import type { OperationDeclaration } from "./declaration.ts";
import { modelBacktestOperation } from "./model-backtest.ts";
import { portfolioOperation } from "./portfolio.ts";
import { sleepOperation } from "./sleep.ts";
import { trainOperation } from "./train.ts";

export { type BacktestSpec, backtestSpec, SCRIPT_KIND } from "./backtest.ts";
export { type BacktestSettings, backtestSettings } from "./backtest-settings.ts";
export { COMMAND_KIND_PREFIX, type CommandSpec, commandSpec, programName } from "./command.ts";
export { type DataRequest, dataRequest, MAX_REQUESTED_SYMBOLS } from "./data-request.ts";
export type { OperationDeclaration } from "./declaration.ts";
export { type ModelBacktestSpec, modelBacktestSpec } from "./model-backtest.ts";
export { type PortfolioSpec, portfolioSpec } from "./portfolio.ts";
export { type SleepSpec, sleepSpec } from "./sleep.ts";
export { type TrainSpec, trainSpec } from "./train.ts";

/** In the order in which a specification is tried and lists name them. */
const TABLE = {
  backtest: backtestOperation,
  portfolio: portfolioOperation,
  train: trainOperation,
  model_backtest: modelBacktestOperation,
  command: commandOperation,
  sleep: sleepOperation,
};

export type OperationKind = keyof typeof TABLE;
/** The specification of one kind, or of any. */
export type SpecOf<Kind extends OperationKind> = {
  [K in Kind]: z.infer<(typeof TABLE)[K]["spec"]> & { readonly kind: K };
}[Kind];

export const OPERATIONS: { readonly [Kind in OperationKind]: OperationDeclaration<SpecOf<Kind>> } = TABLE;
export const OPERATION_KINDS = Object.keys(TABLE) as OperationKind[];

type SpecSchema = (typeof TABLE)[OperationKind]["spec"];
const schemas = OPERATION_KINDS.map((kind): SpecSchema => TABLE[kind].spec);
export const operationSpec = z.discriminatedUnion("kind", schemas as [SpecSchema, ...SpecSchema[]]);
export type OperationSpec = z.infer<typeof operationSpec>;

/** Every dataset that the operation reads, in the order in which its job gets them. */
export function datasetsOf<Kind extends OperationKind>(spec: SpecOf<Kind>): DataRequest[] {
  return OPERATIONS[spec.kind].datasets(spec);
}

/** Gives the one of a node's `capabilities.kinds` that the operation needs. */
export function allowanceOf<Kind extends OperationKind>(spec: SpecOf<Kind>): string {
  return OPERATIONS[spec.kind].allowance(spec);
}

/** The name of the model that the operation leaves; null where it leaves none. */
export function modelNameOf<Kind extends OperationKind>(spec: SpecOf<Kind>): string | null {
  return OPERATIONS[spec.kind].modelName?.(spec) ?? null;
}
