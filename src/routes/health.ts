/** Health, open to everyone: it tells only that the edge answers, and the versions of nodes that it serves. */
import { parseRegistryConfig } from "../../durable-objects/index.ts";
import packageJson from "../../package.json" with { type: "json" };
import { type healthRoutes, PROTOCOL_VERSION } from "../../protocol/index.ts";
import type { Handlers } from "../handler.ts";

export const healthHandlers: Handlers<typeof healthRoutes> = {
  /** The `date` header has the time; `ktrdr doctor` compares its clock. */
  health(context) {
    const { oldestProtocolVersion } = parseRegistryConfig(context.env.REGISTRY_CONFIG);
    context.header("date", new Date().toUTCString());
    return { status: "ok", version: packageJson.version, protocolVersion: PROTOCOL_VERSION, oldestProtocolVersion };
  },
};
