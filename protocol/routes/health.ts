/** Health: the control plane answers. */
import { health } from "../api.ts";
import { jsonAnswer, type Routes } from "./route.ts";

export const healthRoutes = {
  health: {
    method: "GET",
    path: "/health",
    role: "none",
    summary: "Says that the edge answers, and which versions of nodes it serves. The `date` header has its clock.",
    answer: jsonAnswer(health),
    example: { answer: { status: "ok", version: "0.9.0", protocol_version: 2, oldest_protocol_version: 1 } },
  },
} as const satisfies Routes;
