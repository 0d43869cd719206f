/** Open to everyone: tells nothing but that the edge answers, and which nodes it serves. */
import { parseRegistryConfig } from "../../durable-objects/index.ts";
import packageJson from "../../package.json" with { type: "json" };
import { type healthRoutes, PROTOCOL_VERSION } from "../../protocol/index.ts";
import type { Handlers } from "../handler.ts";

export const healthHandlers: Handlers<typeof healthRoutes> = {
  /** The time is in the header, as HTTP has it; `ktrdr doctor` compares its clock. */
  health(context) {
    const { oldestProtocolVersion } = parseRegistryConfig(context.env.REGISTRY_CONFIG);
    context.header("date", new Date().toUTCString());
    return { status: "ok", version: packageJson.version, protocolVersion: PROTOCOL_VERSION, oldestProtocolVersion };
  },
};
