/** Runs a program of the node's operator. The file has the name of the wire's kind, `command`. */
import type { CommandSpec } from "../../protocol/index.ts";
import type { JobDataset, ProcessJob } from "./job.ts";

interface CommandJobInput {
  readonly kind: "command";
  readonly spec: CommandSpec;
  readonly datasets: readonly JobDataset[];
  /** Left by the attempt before. */
  readonly checkpoint: Uint8Array | null;
}

export const commandJob: ProcessJob<CommandSpec, CommandJobInput> = {
  place: "process",
  input: async (spec, { datasets, checkpoint }) => ({
    ...{ kind: "command", spec, datasets },
    checkpoint: await checkpoint(),
  }),
  start: ({ spec, datasets, checkpoint }, lease, listener, programs) =>
    programs.run({ lease, spec, datasets, checkpoint }, listener),
};
