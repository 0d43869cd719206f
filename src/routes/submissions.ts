/** A WebSocket for clients that submit one operation after the other (protocol/submissions.ts). */
import { ROUTES, type submissionRoutes } from "../../protocol/index.ts";
import { requireUpgrade } from "../answers.ts";
import type { Handlers } from "../handler.ts";

export const submissionHandlers: Handlers<typeof submissionRoutes> = {
  /** The registry checks the token, with each frame again, and keeps the socket. */
  openSubmissionLine(context) {
    requireUpgrade(context, `Connect with \`Upgrade: websocket\`, or submit with POST ${ROUTES.submit.path}.`);
    const headers = { upgrade: "websocket", "x-ktrdr-token-hash": context.var.tokenHash };
    return context.var.registry.fetch(new Request("http://registry/submissions", { headers }));
  },
};
