/**
 * Versions of the conversation in socket.ts, and the messages that a node of an older version gets instead of today's.
 *
 * The changes of each version:
 * 1. The first.
 * 2. `traceparent` in `assign`.
 *
 * To add version N: raise `PROTOCOL_VERSION` in socket.ts, and add a line above. Add a step to `STEPS_DOWN` that turns a message
 * of N into one of N − 1, since older nodes refuse keys and types that they do not know. Messages of nodes need no step: a new
 * key in them is optional, or has a default, for as long as a version without it is accepted. Then put the socket.ts of N − 1
 * into test/fixtures, where test/e2e/protocol-versions.test.ts makes a node of it.
 *
 * A version may be dropped (`OLDEST_PROTOCOL_VERSION` raised, its step and its fixture removed) one release after a release
 * whose nodes update themselves away from it, and no sooner than that release's CHANGELOG entry says.
 */
import { CLOSE_CODES, PROTOCOL_VERSION, type RegistryMessage } from "./socket.ts";

/** Nodes of an older version are told to update. */
export const OLDEST_PROTOCOL_VERSION = 1;

type StepDown = (message: RegistryMessage) => RegistryMessage | null;

/** Keyed by version: turns one of its messages into one of the version before, or into null where it is better not sent. */
const STEPS_DOWN: Readonly<Record<number, StepDown>> = {
  2: (message) => {
    if (message.type !== "assign" || message.traceparent === undefined) return message;
    const { traceparent: _, ...known } = message;
    return known;
  },
};

function stepDown(version: number): StepDown {
  const step = STEPS_DOWN[version];
  if (step === undefined) throw new Error(`there is no step down from protocol ${version}`);
  return step;
}

/** Turns `message` into one that a node of `version` understands, or null where there is none. */
export function messageFor(version: number, message: RegistryMessage): RegistryMessage | null {
  let known: RegistryMessage | null = message;
  for (let step = PROTOCOL_VERSION; step > version && known !== null; step--) known = stepDown(step)(known);
  return known;
}

/** The code and the reason with which a connection is closed after its `hello`. */
export interface Refusal {
  readonly code: number;
  /** At most 123 bytes, the most that a close frame carries (RFC 6455, section 5.5). */
  readonly reason: string;
}

/** Returns null for a version that is spoken here. `oldest` is the control plane's own: operators may raise it. */
export function versionRefusal(version: number, oldest: number): Refusal | null {
  if (version > PROTOCOL_VERSION) {
    const reason = `protocol version ${version} is newer than this control plane's ${PROTOCOL_VERSION}`;
    return { code: CLOSE_CODES.unsupported, reason };
  }
  if (version >= oldest) return null;
  const reason = `${tooOld(version)}${oldest}, the oldest that is served: update it (ktrdr node update)`;
  return { code: CLOSE_CODES.unsupported, reason };
}

/** Returns true where `reason`, which came with `CLOSE_CODES.unsupported`, says that this node has to be updated. */
export function saysTooOld(reason: string): boolean {
  return reason.startsWith(tooOld(PROTOCOL_VERSION));
}

/** The beginning of the refusal of an old node. Nodes compare it, so it stays as it is. */
function tooOld(version: number): string {
  return `protocol version ${version} is older than `;
}
