/**
 * Takes care of a training run's checkpoints: uploads one at a time, the newest alone, and tells the registry once
 * they are stored. One that cannot be uploaded is forgotten: the next is due soon.
 */
import type { Lease } from "../../protocol/index.ts";
import { type AgentEvent, type Holding, leaseKey, leaseOf, type Turn } from "./state-model.ts";

export function checkpointMade(turn: Turn, lease: Lease): void {
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding === undefined || !isWanted(holding)) return;
  if (holding.checkpoints.uploading) holding.checkpoints.newer = true;
  else upload(turn, holding);
}

export function checkpointUploaded(turn: Turn, event: Extract<AgentEvent, { type: "checkpoint-uploaded" }>): void {
  const { lease, checkpoint, outcome } = event;
  const holding = turn.state.holdings.get(leaseKey(lease));
  if (holding === undefined) return;
  const { checkpoints } = holding;
  checkpoints.uploading = false;
  if (!isWanted(holding)) return;
  if (outcome.type === "stored") {
    checkpoints.untold = checkpoint;
    tellCheckpoint(turn, holding);
  } else {
    const why = outcome.type === "unreachable" ? outcome.cause : outcome.error.detail;
    turn.effects.push({ type: "note", level: "warn", message: `a checkpoint was not stored: ${why}`, lease });
  }
  if (checkpoints.newer) upload(turn, holding);
}

/** Tells the registry about stored checkpoints as soon as it hears. */
export function tellCheckpoint(turn: Turn, holding: Holding): void {
  const { untold } = holding.checkpoints;
  if (untold === null || turn.state.connection.phase !== "connected" || !isWanted(holding)) return;
  turn.outgoing.push({ type: "checkpoint", ...leaseOf(holding), ...untold });
  holding.checkpoints.untold = null;
}

function upload(turn: Turn, holding: Holding): void {
  holding.checkpoints.uploading = true;
  holding.checkpoints.newer = false;
  turn.effects.push({ type: "upload-checkpoint", lease: leaseOf(holding) });
}

/** Another attempt may need it: the run has not ended, or only because the node shuts down. */
function isWanted({ stage }: Holding): boolean {
  return stage.name === "running" || stage.name === "parting";
}
