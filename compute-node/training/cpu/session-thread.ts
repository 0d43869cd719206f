/** A thread that holds sessions and answers a threaded backend's requests, one after the other. */
import { parentPort } from "node:worker_threads";
import { Problem } from "../../../protocol/problem.ts";
import type { CpuSession } from "./session.ts";
import type { ThreadAnswer, ThreadRequest, ThreadValue } from "./session-messages.ts";
import { createCpuSession } from "./split-backend.ts";

if (parentPort === null) throw new Error("session-thread.ts runs as a thread of a threaded backend.");
const port = parentPort;
const sessions = new Map<number, CpuSession>();

async function answer(request: ThreadRequest): Promise<ThreadValue> {
  if (request.kind === "create") {
    const { member, mode, threadCount } = request;
    sessions.set(request.session, await createCpuSession(member, mode, threadCount));
    return null;
  }
  const session = sessions.get(request.session);
  if (session === undefined) throw new Error(`There is no session ${request.session} in this thread.`);
  switch (request.kind) {
    case "train":
      return session.trainBatches(request.request);
    case "evaluate":
      return session.evaluate(request.rows);
    case "getState":
      return session.getState();
    case "setState":
      await session.setState(request.state);
      return null;
    case "dispose":
      session.dispose();
      sessions.delete(request.session);
      return null;
  }
}

port.on("message", async (request: ThreadRequest) => {
  const { call } = request;
  let reply: ThreadAnswer;
  try {
    reply = { call, value: await answer(request) };
  } catch (error) {
    reply = { call, problem: Problem.from(error).toDetails() };
  }
  port.postMessage(reply);
});
