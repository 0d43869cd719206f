/** A network that learns from prices. */
import { MODEL_MEDIA_TYPE, type TrainSpec } from "../../protocol/index.ts";
import type { TrainingProgress } from "../training-job/index.ts";
import type { JobDataset, JobTurn, ThreadJob, TrainingSurroundings } from "./job.ts";

interface TrainInput {
  readonly kind: "train";
  readonly spec: TrainSpec;
  readonly datasets: readonly JobDataset[];
  readonly training: TrainingSurroundings;
  /** Where the attempt before was. */
  readonly checkpoint: Uint8Array | null;
}

/** Dawn ends the whole process when a thread dies that waits for it, so a run on a GPU gets all the time to stop. */
const GPU_STOP_GRACE_MS = 60_000;

export const trainJob: ThreadJob<TrainSpec, TrainInput> = {
  place: "thread",
  input: async (spec, { datasets, training, checkpoint }) => ({
    ...{ kind: "train", spec, datasets, training },
    checkpoint: await checkpoint(),
  }),
  stopGraceMs: ({ training }) => (training.gpu === null ? undefined : GPU_STOP_GRACE_MS),
  async run({ spec, datasets, training, checkpoint }, turn) {
    const { executeTraining, openBackend } = await import("../training-job/index.ts");
    const startedAt = performance.now();
    const onLog = (lines: string[]) => turn.log(lines);
    const { backend, close } = await openBackend(spec, training, onLog);
    try {
      const { bytes, sha256, summary } = await executeTraining({
        ...{ spec, datasets, backend, onLog },
        ...(checkpoint === null ? {} : { checkpoint }),
        onProgress: trainingReporter(turn),
        onTurn: (save) => turn.between(save, training.checkpointIntervalMs),
      });
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      const { epochs, best_epoch: best } = summary;
      turn.detail([`trained in ${seconds} s on ${backend.name}: ${epochs} epochs, the best is ${best}`]);
      return { bytes, result: { sha256, bytes: bytes.byteLength, mediaType: MODEL_MEDIA_TYPE, summary } };
    } finally {
      await close();
    }
  },
};

/** Figures of a run as progress; the speed is of the time since the first batch. */
function trainingReporter(turn: JobTurn): (progress: TrainingProgress) => void {
  let startedAt: number | null = null;
  return ({ phase, fraction, epoch, loss, accuracy, validationLoss, rows, threads }) => {
    const now = performance.now();
    const seconds = (now - (startedAt ?? now)) / 1000;
    if (phase === "training") startedAt ??= now;
    turn.progress(phase, fraction, {
      ...(epoch === 0 ? {} : { epoch }),
      ...(loss === null ? {} : { loss }),
      ...(validationLoss === null ? {} : { validationLoss }),
      ...(accuracy === null ? {} : { accuracy }),
      ...(threads > 1 ? { threads } : {}),
      ...(seconds > 0 && phase === "training" ? { rowsPerSecond: Math.round(rows / seconds) } : {}),
    });
  };
}
