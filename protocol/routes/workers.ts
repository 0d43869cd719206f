/** Workers: enrolment, the fleet, and the nodes' sockets. */
import { z } from "zod";
import { API_PREFIX } from "../api.ts";
import {
  registerRequest,
  registerResponse,
  worker,
  workerHistory,
  workerList,
  workerStatus,
  workerType,
} from "../workers.ts";
import { EXAMPLE_TIME_MS, workerParameter } from "./parameters.ts";
import { jsonAnswer, jsonBody, NO_CONTENT, type Routes } from "./route.ts";

const filterQuery = z.strictObject({ type: workerType.optional(), status: workerStatus.optional() });
const drainRequest = z.strictObject({ draining: z.boolean().default(true) });

const CAPABILITIES = { slots: 4, kinds: ["backtest"], labels: {}, datasets: [] };

const WORKER = {
  worker_id: "desk-1",
  worker_type: "backtesting",
  endpoint_url: "http://127.0.0.1:5003",
  status: "available",
  current_operation_id: null,
  current_operation_ids: [],
  capabilities: CAPABILITIES,
  last_health_check: EXAMPLE_TIME_MS,
  last_healthy_at: EXAMPLE_TIME_MS,
  health_check_failures: 0,
  metadata: {},
  slots: 4,
  slots_used: 0,
  epoch: 1,
  connected: true,
  draining: false,
  software_version: "0.9.0",
  protocol_version: 2,
  refusal: null,
  last_selected_at: null,
  registered_at: EXAMPLE_TIME_MS,
};

export const workerRoutes = {
  registerWorker: {
    method: "POST",
    path: `${API_PREFIX}/workers/register`,
    role: "enrolment",
    summary: "Registers a worker: an enrolment token becomes a credential of this worker alone.",
    body: jsonBody(registerRequest),
    answer: jsonAnswer(registerResponse, 201),
    example: {
      body: { worker_id: "desk-1", worker_type: "backtesting", capabilities: CAPABILITIES },
      answer: {
        worker_id: "desk-1",
        worker_type: "backtesting",
        status: "temporarily_unavailable",
        message: "Worker desk-1 is registered",
        credential: "ktrdr.default.c2VjcmV0LXRoYXQtaXMtc2hvd24tb25jZQ",
        socket_path: `${API_PREFIX}/workers/desk-1/socket`,
        epoch: 0,
      },
    },
  },
  listWorkers: {
    method: "GET",
    path: `${API_PREFIX}/workers`,
    role: "viewer",
    summary: "Lists the workers of the workspace.",
    query: filterQuery,
    answer: jsonAnswer(workerList),
    example: { query: { type: "backtesting", status: "available" }, answer: { total: 1, workers: [WORKER] } },
  },
  showWorker: {
    method: "GET",
    path: `${API_PREFIX}/workers/{id}`,
    parameters: workerParameter,
    role: "viewer",
    summary: "Shows a worker.",
    answer: jsonAnswer(worker),
    example: { answer: WORKER },
  },
  workerHistory: {
    method: "GET",
    path: `${API_PREFIX}/workers/{id}/history`,
    parameters: workerParameter,
    role: "viewer",
    summary: "Lists the history of a worker, also of one that was removed.",
    answer: jsonAnswer(workerHistory),
    example: {
      answer: {
        worker_id: "desk-1",
        entries: [{ at_ms: EXAMPLE_TIME_MS, type: "registered", detail: "version 0.9.0" }],
      },
    },
  },
  removeWorker: {
    method: "DELETE",
    path: `${API_PREFIX}/workers/{id}`,
    parameters: workerParameter,
    role: "admin",
    summary: "Removes a worker and revokes its credential.",
    answer: NO_CONTENT,
  },
  drainWorker: {
    method: "POST",
    path: `${API_PREFIX}/workers/{id}/drain`,
    parameters: workerParameter,
    role: "admin",
    summary: "Stops giving work to a worker, or starts again.",
    body: jsonBody(drainRequest),
    answer: jsonAnswer(worker),
    example: { body: { draining: true }, answer: { ...WORKER, status: "busy", draining: true } },
  },
  openWorkerSocket: {
    method: "GET",
    path: `${API_PREFIX}/workers/{id}/socket`,
    parameters: workerParameter,
    role: "node",
    summary: "Opens the one connection of a node.",
    headers: { "sec-websocket-protocol": "Offers the subprotocol `ktrdr.v1`." },
    answer: { type: "socket", status: 101 },
  },
} as const satisfies Routes;
