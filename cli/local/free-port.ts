/** Ports of 127.0.0.1. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { Problem } from "../../protocol/problem.ts";

/**
 * Systems take the ports of outgoing connections from above: one that is free now could be such a connection's end by
 * the time when a server listens on it.
 */
const FREE_PORTS = { from: 10_000, below: 32_768 };
const TRIES = 20;

/** Listens for a moment on `port` (0: any free one) and answers its number. Throws a `Problem` when it is taken. */
export async function probePort(port: number): Promise<number> {
  for (let left = port === 0 ? TRIES : 0; left > 0; left--) {
    const chosen = randomInt(FREE_PORTS.from, FREE_PORTS.below);
    if (await isFree(chosen)) return chosen;
  }
  return listenBriefly(port);
}

async function isFree(port: number): Promise<boolean> {
  try {
    await listenBriefly(port);
    return true;
  } catch {
    // Whatever hinders it here, another port may be free.
    return false;
  }
}

function listenBriefly(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => reject(portProblem(port, error)));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}

function portProblem(port: number, error: NodeJS.ErrnoException): Problem {
  if (error.code === "EADDRINUSE") {
    return new Problem("conflict", `Port ${port} is taken`, {
      cure: `Choose another with --port ${port + 1}, or stop what listens there.`,
      cause: error,
    });
  }
  if (error.code === "EACCES") {
    return new Problem("conflict", `Port ${port} needs rights that this user does not have`, {
      cure: "Choose one above 1023 with --port.",
      cause: error,
    });
  }
  return new Problem("conflict", `Port ${port} cannot be used: ${error.message}`, {
    cure: "Choose another with --port.",
    cause: error,
  });
}
