/** `ktrdr token`: API tokens for people and programs. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Role } from "../../../protocol/api.ts";
import type { Context, GetContext } from "../../terminal/context.ts";

const DAY_MS = 86_400_000;

interface CreateOptions {
  role: Role;
  name: string;
  days?: number;
}

export function registerTokenCommands(program: Command, getContext: GetContext): void {
  const token = program.command("token").description("API tokens");
  token
    .command("create")
    .description("make a token; it is shown this once")
    .addOption(
      new Option("--role <role>", "what it may do").choices(["admin", "researcher", "viewer"]).default("researcher"),
    )
    .requiredOption("--name <name>", "who or what it is for")
    .option("--days <days>", "how long it is valid; without end by default", wholeDays)
    .addHelpText("after", "\nExample:\n  $ ktrdr token create --role viewer --name dashboard --days 90")
    .action((options: CreateOptions) => create(getContext(), options));
  token
    .command("list", { isDefault: true })
    .description("the tokens there are, without their secrets")
    .addHelpText("after", "\nExample:\n  $ ktrdr token list")
    .action(() => list(getContext()));
  token
    .command("revoke")
    .description("make a token worthless")
    .argument("<token-id>")
    .addHelpText("after", "\nExample:\n  $ ktrdr token revoke tok_4f1c")
    .action((tokenId: string) => revoke(getContext(), tokenId));
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 3650) return days;
  throw new InvalidArgumentError("It is a whole number of days from 1 to 3650.");
}

async function create(context: Context, { role, name, days }: CreateOptions): Promise<void> {
  const client = await context.client();
  const created = await client.createToken({
    role,
    name,
    ...(days === undefined ? {} : { expiresAtMs: Date.now() + days * DAY_MS }),
  });
  const { createdToken, wire } = await import("../../../protocol/index.ts");
  context.answer(wire(createdToken).encode(created), () => {
    context.note(`A ${role} token for ${name}, shown this once:`);
    return created.token;
  });
}

async function list(context: Context): Promise<void> {
  const client = await context.client();
  const answer = await client.listTokens();
  const [{ tableText }, { momentText }, { tokenList, wire }] = await Promise.all([
    import("../../terminal/table.ts"),
    import("../../terminal/duration.ts"),
    import("../../../protocol/index.ts"),
  ]);
  context.answer(wire(tokenList).encode(answer), () =>
    answer.tokens.length === 0
      ? "No tokens besides the admin's own."
      : tableText<(typeof answer.tokens)[number]>(
          [
            { heading: "TOKEN", text: (token) => token.tokenId },
            { heading: "ROLE", text: (token) => token.role },
            { heading: "NAME", text: (token) => token.name },
            { heading: "CREATED", text: (token) => momentText(token.createdAt) },
            {
              heading: "EXPIRES",
              text: (token) => (token.expiresAtMs === null ? "never" : momentText(token.expiresAtMs)),
            },
            {
              heading: "USES LEFT",
              align: "right",
              text: (token) => (token.usesLeft === null ? "-" : String(token.usesLeft)),
            },
          ],
          answer.tokens,
        ),
  );
}

async function revoke(context: Context, tokenId: string): Promise<void> {
  const client = await context.client();
  await client.revokeToken(tokenId);
  context.answer({ token_id: tokenId, revoked: true }, () => `${tokenId} is revoked.`);
}
