/** The line of clients that submit one operation after the other. */
import { API_PREFIX } from "../api.ts";
import type { Routes } from "./route.ts";

export const submissionRoutes = {
  openSubmissionLine: {
    method: "GET",
    path: `${API_PREFIX}/submissions`,
    role: "researcher",
    summary: "Opens a WebSocket on which operations are submitted without a request for each.",
    answer: { type: "socket", status: 101 },
  },
} as const satisfies Routes;
