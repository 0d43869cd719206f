/** Calls about operations. */
import {
  type Operation,
  type OperationDetail,
  type OperationEvent,
  ROUTES,
  type SubmitRequest,
} from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import type { Caller } from "../caller.ts";
import type { Registry } from "../registry.ts";
import type { AcceptedOperation, OperationFilter, Operations } from "../scheduler/index.ts";
import type { Idempotency } from "../submission-checks.ts";

export const operationCalls = {
  async submit(
    registry: Registry,
    tokenHash: string,
    requests: readonly SubmitRequest[],
    idempotency: Idempotency | null,
    caller: Caller,
  ): Promise<Answer<AcceptedOperation[]>> {
    return registry.catching(async () => registry.submit(tokenHash, requests, idempotency, caller));
  },

  async listOperations(
    registry: Registry,
    tokenHash: string,
    filter: OperationFilter,
    cursor: number | null,
    limit: number,
  ): Promise<Answer<{ total: number; operations: Operation[]; nextCursor: number | null }>> {
    return registry.answer(tokenHash, ROUTES.listOperations.role, () =>
      registry.scheduler.operations.list(filter, cursor, limit),
    );
  },

  async showOperation(registry: Registry, tokenHash: string, operationId: string): Promise<Answer<OperationDetail>> {
    return registry.answer(tokenHash, ROUTES.showOperation.role, () => registry.scheduler.operations.get(operationId));
  },

  async cancelOperation(registry: Registry, tokenHash: string, operationId: string): Promise<Answer<Operation>> {
    return registry.answer(tokenHash, ROUTES.cancelOperation.role, (now) =>
      registry.commit(registry.scheduler.operations.cancel(operationId, now)),
    );
  },

  async retryOperation(registry: Registry, tokenHash: string, operationId: string): Promise<Answer<Operation>> {
    return registry.answer(tokenHash, ROUTES.retryOperation.role, (now) =>
      registry.commit(registry.scheduler.operations.retry(operationId, now)),
    );
  },

  async operationEvents(
    registry: Registry,
    tokenHash: string,
    operationId: string,
    after: number,
  ): Promise<Answer<OperationEvent[]>> {
    return registry.answer(tokenHash, ROUTES.operationEvents.role, () =>
      registry.scheduler.operations.events(operationId, after),
    );
  },

  async operationLogs(
    registry: Registry,
    tokenHash: string,
    operationId: string,
    after: number,
  ): Promise<Answer<ReturnType<Operations["logs"]>>> {
    return registry.answer(tokenHash, ROUTES.operationLogs.role, () =>
      registry.scheduler.operations.logs(operationId, after),
    );
  },
};
