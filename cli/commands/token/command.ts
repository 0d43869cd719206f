/** `ktrdr token`: API tokens for people and programs. */

import { InvalidArgumentError } from "commander";
import type { Role } from "../../../protocol/api.ts";
import { DAY_MS } from "../../../protocol/durations.ts";
import type { Context } from "../../terminal/context.ts";
import { type DeclaredGroup, defineCommand } from "../declare.ts";

interface CreateOptions {
  role: Role;
  name: string;
  days?: number;
}

export const tokenCommands: DeclaredGroup = {
  name: "token",
  description: "API tokens",
  commands: [
    defineCommand<[], CreateOptions>({
      name: "create",
      description: "make a token; it is shown this once",
      options: [
        {
          flags: "--role <role>",
          description: "its rights",
          choices: ["admin", "researcher", "viewer"],
          default: "researcher",
        },
        { flags: "--name <name>", description: "its person or program", isRequired: true },
        { flags: "--days <days>", description: "days for which it is valid; without end by default", parse: wholeDays },
      ],
      examples: ["ktrdr token create --role viewer --name dashboard --days 90"],
      handle: (context, _, options) => create(context, options),
    }),
    defineCommand<[], object>({
      name: "list",
      isDefault: true,
      description: "the tokens there are, without their secrets",
      examples: ["ktrdr token list"],
      handle: (context) => list(context),
    }),
    defineCommand<[tokenId: string], object>({
      name: "revoke",
      description: "make a token worthless",
      arguments: [{ name: "<token-id>" }],
      examples: ["ktrdr token revoke tok_4f1c"],
      handle: (context, [tokenId]) => revoke(context, tokenId),
    }),
  ],
};

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
