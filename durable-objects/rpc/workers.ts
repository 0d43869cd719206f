/** Calls about workers. */
import {
  makeToken,
  pathOf,
  type RegisterRequest,
  type RegisterResponse,
  ROUTES,
  sha256Hex,
  type Worker,
  type WorkerHistoryEntry,
} from "../../protocol/index.ts";
import type { Answer } from "../answer.ts";
import { fillRandom } from "../random-bytes.ts";
import type { Registry } from "../registry.ts";

export const workerCalls = {
  /** An enrolment token, or the worker's own credential, registers the worker. */
  async registerWorker(
    registry: Registry,
    tokenHash: string,
    request: RegisterRequest,
  ): Promise<Answer<RegisterResponse>> {
    return registry.catching(async (now) => {
      const enrolment = registry.authorization.requireEnrolment(tokenHash, request.workerId, now);
      const credential = enrolment === null ? undefined : makeToken(registry.workspace, fillRandom);
      const credentialHash = credential === undefined ? tokenHash : await sha256Hex(credential);
      if (enrolment !== null) registry.tokens.use(enrolment.tokenId);
      const worker = registry.commit(registry.scheduler.workers.register(request, credentialHash, now));
      return {
        workerId: worker.workerId,
        workerType: worker.workerType,
        status: worker.status,
        message: `Worker ${worker.workerId} is registered`,
        socketPath: pathOf(ROUTES.openWorkerSocket, { id: worker.workerId }),
        epoch: worker.epoch,
        ...(credential === undefined ? {} : { credential }),
      };
    });
  },

  async listWorkers(registry: Registry, tokenHash: string): Promise<Answer<Worker[]>> {
    return registry.answer(tokenHash, ROUTES.listWorkers.role, (now) => {
      registry.lookAtHeartbeats(now);
      return registry.scheduler.workers.list();
    });
  },

  async showWorker(registry: Registry, tokenHash: string, workerId: string): Promise<Answer<Worker>> {
    return registry.answer(tokenHash, ROUTES.showWorker.role, (now) => {
      registry.lookAtHeartbeats(now);
      return registry.scheduler.workers.get(workerId);
    });
  },

  async removeWorker(registry: Registry, tokenHash: string, workerId: string): Promise<Answer<void>> {
    return registry.answer(tokenHash, ROUTES.removeWorker.role, (now) =>
      registry.commit(registry.scheduler.workers.deregister(workerId, now)),
    );
  },

  async drainWorker(
    registry: Registry,
    tokenHash: string,
    workerId: string,
    draining: boolean,
  ): Promise<Answer<Worker>> {
    return registry.answer(tokenHash, ROUTES.drainWorker.role, (now) =>
      registry.commit(registry.scheduler.workers.drain(workerId, draining, now)),
    );
  },

  async workerHistory(registry: Registry, tokenHash: string, workerId: string): Promise<Answer<WorkerHistoryEntry[]>> {
    return registry.answer(tokenHash, ROUTES.workerHistory.role, () => registry.scheduler.workers.history(workerId));
  },
};
