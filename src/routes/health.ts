/** `GET /health`: open to everyone, tells nothing but that the edge answers. */
import { Hono } from "hono";
import packageJson from "../../package.json" with { type: "json" };
import { health as healthSchema, PROTOCOL_VERSION, wire } from "../../protocol/index.ts";

const healthWire = wire(healthSchema);

/** The time is in the header, as HTTP has it; `ktrdr doctor` compares its clock. */
export const health = new Hono().get("/", (context) =>
  context.json(
    healthWire.encode({ status: "ok", version: packageJson.version, protocolVersion: PROTOCOL_VERSION }) as object,
    200,
    { date: new Date().toUTCString() },
  ),
);
