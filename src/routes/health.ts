/** `GET /health`: open to everyone, tells nothing but that the edge answers, and which nodes it serves. */
import { Hono } from "hono";
import { parseRegistryConfig } from "../../durable-objects/index.ts";
import packageJson from "../../package.json" with { type: "json" };
import { health as healthSchema, PROTOCOL_VERSION, wire } from "../../protocol/index.ts";
import type { Edge } from "../edge.ts";

const healthWire = wire(healthSchema);

/** The time is in the header, as HTTP has it; `ktrdr doctor` compares its clock. */
export const health = new Hono<Edge>().get("/", (context) => {
  const { oldestProtocolVersion } = parseRegistryConfig(context.env.REGISTRY_CONFIG);
  const versions = { version: packageJson.version, protocolVersion: PROTOCOL_VERSION, oldestProtocolVersion };
  const answer = healthWire.encode({ status: "ok", ...versions }) as object;
  return context.json(answer, 200, { date: new Date().toUTCString() });
});
