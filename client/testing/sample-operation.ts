/** An operation in wire form and in code's form, as tests need it. */
import { type OperationDetail, operationDetail } from "../../protocol/operation.ts";
import { wire } from "../../protocol/wire.ts";

export const OPERATION_ID = "op_01jd3x0c5k8m2q4r6t8v";

export function sampleOperation(changes: Partial<OperationDetail> = {}): OperationDetail {
  return operationDetail.parse({
    operationId: OPERATION_ID,
    kind: "sleep",
    name: null,
    status: "queued",
    priority: 0,
    attempt: 0,
    maxAttempts: 3,
    workerId: null,
    createdAt: 1_700_000_000_000,
    startedAt: null,
    finishedAt: null,
    progress: null,
    waitingReason: null,
    result: null,
    error: null,
    cancelRequested: false,
    traceId: null,
    requirements: { workerTypes: ["backtesting"] },
    spec: { kind: "sleep", durationMs: 10 },
    ...changes,
  });
}

export function sampleOperationJson(changes: Partial<OperationDetail> = {}): unknown {
  return wire(operationDetail).encode(sampleOperation(changes));
}
