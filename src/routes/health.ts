/** `GET /health`: open to everyone, tells nothing but that the edge answers. */
import { Hono } from "hono";
import packageJson from "../../package.json" with { type: "json" };
import { health as healthSchema, PROTOCOL_VERSION, wire } from "../../protocol/index.ts";

const healthWire = wire(healthSchema);

export const health = new Hono().get("/", (context) =>
  context.json(
    healthWire.encode({ status: "ok", version: packageJson.version, protocolVersion: PROTOCOL_VERSION }) as object,
  ),
);
