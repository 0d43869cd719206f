/** The settings of a node that the command starts: the given ones, completed from this machine's credentials. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "../../client/client.ts";
import { type Connection, findConnection, readCredentials } from "../../client/credentials.ts";
import { type ResolvedSettings, resolveSettings } from "../../compute-node/agent/index.ts";
import type { Context } from "../terminal/context.ts";

/**
 * Reads flags, environment and file as the node does. A missing URL comes from the credentials. For a missing token, on a
 * machine that may enrol nodes, it makes an enrolment token, so that nobody has to paste one.
 */
export async function nodeSettings(
  context: Context,
  words: Readonly<Record<string, unknown>>,
): Promise<ResolvedSettings> {
  const { environment, options } = context;
  const flags: Record<string, unknown> = { ...words, home: context.home.root };
  if (options.url !== undefined) flags.url = options.url;
  if (options.token !== undefined) flags.token = options.token;
  let resolved = resolveSettings({ flags, environment });
  if (resolved.sources.url === "default") {
    flags.url = environment.KTRDR_URL || readCredentials(context.home.credentials)?.url;
    resolved = resolveSettings({ flags, environment });
  }
  const { url, workerId, token } = resolved.settings;
  const isEnrolled = existsSync(join(context.home.nodes, workerId, "credential.json"));
  const connection = token === null && !isEnrolled ? connectionFor(context, url) : null;
  if (connection === null) return resolved;
  const enrolment = await createClient(connection).createEnrolment({ name: `node ${workerId}`, maxUses: 1 });
  context.note(`Made an enrolment token for ${workerId}, with the token of ${connection.tokenSource}.`);
  return resolveSettings({ flags: { ...flags, token: enrolment.token }, environment });
}

/** Null when no credential here is known to be valid there. The node then says itself that it lacks a token. */
function connectionFor(context: Context, url: string): Connection | null {
  const token = context.environment.KTRDR_TOKEN;
  const stored = readCredentials(context.home.credentials);
  if (!token && (stored === null || new URL(stored.url).origin !== new URL(url).origin)) return null;
  return findConnection({ url }, context.environment, context.home);
}
