/** `ktrdr enrol`: lets other machines join. */
import { type Command, InvalidArgumentError } from "commander";
import type { Context, GetContext } from "../../terminal/context.ts";

const HOUR_MS = 3_600_000;
const MOST_HOURS = 720;

interface EnrolOptions {
  uses: number;
  hours: number;
  name?: string;
}

export function registerEnrolCommand(program: Command, getContext: GetContext): void {
  program
    .command("enrol")
    .description("make a token with which other machines join as nodes, and print their command")
    .option("--uses <count>", "how many nodes may join with it", bounded(10_000), 1)
    .option("--hours <hours>", "how long it is valid", bounded(MOST_HOURS), 24)
    .option("--name <name>", "what it is for")
    .addHelpText("after", "\nExamples:\n  $ ktrdr enrol\n  $ ktrdr enrol --uses 20 --hours 2 --name rack")
    .action((options: EnrolOptions) => enrol(getContext(), options));
}

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
      context.note(`  (put this machine's address in place of ${new URL(client.url).hostname})`);
    return command;
  });
}

function isLoopback(url: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname);
}
