/** `ktrdr backup` and `ktrdr restore`: the state of a self-hosted control plane as one file. */
import type { Context } from "../../terminal/context.ts";
import { defineCommand } from "../declare.ts";

interface BackupOptions {
  output: string;
  state?: string;
}

interface RestoreOptions {
  state?: string;
  replace?: boolean;
}

const STATE = "the server's state folder (default: control-plane in the ktrdr home)";

export const backupCommand = defineCommand<[], BackupOptions>({
  name: "backup",
  description: "copy the state of this machine's control plane into one file, also while it runs",
  options: [
    { flags: "--output <file>", description: "the file to write; it must not exist yet", isRequired: true },
    { flags: "--state <folder>", description: STATE },
  ],
  examples: ['ktrdr backup --output "ktrdr-$(date +%F).tar.gz"'],
  handle: (context, _, options) => backup(context, options),
});

export const restoreCommand = defineCommand<[file: string], RestoreOptions>({
  name: "restore",
  description: "put a backup back, so that a control plane starts from it",
  arguments: [{ name: "<file>", description: "a file that ktrdr backup wrote" }],
  options: [
    { flags: "--state <folder>", description: STATE },
    { flags: "--replace", description: "move existing state aside" },
  ],
  examples: ["ktrdr restore ktrdr-2026-11-23.tar.gz && ktrdr up"],
  handle: (context, [file], options) => restoreFrom(context, file, options),
});

async function backup(context: Context, { output, state }: BackupOptions): Promise<void> {
  const [{ backUp }, { softwareVersion }] = await Promise.all([
    import("../../../control-plane/backup.ts"),
    import("../../software-version.ts"),
  ]);
  const folder = state ?? context.home.controlPlane;
  const manifest = await backUp(folder, output, softwareVersion(), Date.now());
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  context.answer({ file: output, state: folder, files: manifest.files.length, bytes }, () =>
    [
      `${output} holds ${manifest.files.length} files of ${folder}, ${bytes} bytes before compression.`,
      "The admin token is not in it: keep credentials.json, or the token's SHA-256, elsewhere.",
    ].join("\n"),
  );
}

async function restoreFrom(context: Context, file: string, options: RestoreOptions): Promise<void> {
  const { restore } = await import("../../../control-plane/backup.ts");
  const folder = options.state ?? context.home.controlPlane;
  const { manifest, movedTo } = await restore(file, folder, options.replace === true);
  const madeAt = new Date(manifest.createdAtMs).toISOString();
  const answer = { state: folder, files: manifest.files.length, created_at: madeAt, moved_to: movedTo };
  context.answer(answer, () =>
    [
      `${folder} is as it was at ${madeAt}; every file has the bytes that the manifest names.`,
      ...(movedTo === null ? [] : [`What was there is in ${movedTo}; delete it when all is well.`]),
      "Start the control plane with the same admin token as before.",
    ].join("\n"),
  );
}
