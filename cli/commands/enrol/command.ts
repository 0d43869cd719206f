/** `ktrdr enrol`: lets other machines join. */

import { InvalidArgumentError } from "commander";
import { isLoopback } from "../../../client/loopback.ts";
import { HOUR_MS } from "../../../protocol/durations.ts";
import type { Context } from "../../terminal/context.ts";
import { defineCommand } from "../declare.ts";

const MOST_HOURS = 720;

interface EnrolOptions {
  uses: number;
  hours: number;
  name?: string;
}

export const enrolCommand = defineCommand<[], EnrolOptions>({
  name: "enrol",
  description: "make a token with which other machines join as nodes, and print their command",
  options: [
    {
      flags: "--uses <count>",
      description: "number of nodes that may join with it",
      parse: bounded(10_000),
      default: 1,
    },
    { flags: "--hours <hours>", description: "hours for which it is valid", parse: bounded(MOST_HOURS), default: 24 },
    { flags: "--name <name>", description: "its purpose, for lists" },
  ],
  examples: ["ktrdr enrol", "ktrdr enrol --uses 20 --hours 2 --name rack"],
  handle: (context, _, options) => enrol(context, options),
});

function bounded(most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (Number.isInteger(count) && count >= 1 && count <= most) return count;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };
}

async function enrol(context: Context, { uses, hours, name }: EnrolOptions): Promise<void> {
  const client = await context.client();
  const created = await client.createEnrolment({
    maxUses: uses,
    ttlMs: hours * HOUR_MS,
    ...(name === undefined ? {} : { name }),
  });
  const { createdToken, wire } = await import("../../../protocol/index.ts");
  const command = `ktrdr node start --url ${client.url} --token ${created.token}`;
  context.answer({ ...(wire(createdToken).encode(created) as object), command }, () => {
    context.note(`On ${uses === 1 ? "the other machine" : `up to ${uses} other machines`}, within ${hours} h:`);
    if (isLoopback(client.url))
      context.note(`  (put this machine's address instead of ${new URL(client.url).hostname})`);
    return command;
  });
}
