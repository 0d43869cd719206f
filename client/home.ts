/** The command's folder on this machine. It is the only one, so that removing it removes everything. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface HomePaths {
  readonly root: string;
  /** `{url, token, workspace}` of the control plane to talk to; readable by its owner alone. */
  readonly credentials: string;
  /** State of the self-hosted control plane. */
  readonly controlPlane: string;
  /** The market data store that `data load` fills, and that nodes started by `up` read. */
  readonly data: string;
  /** One folder for each node, named after its worker id. */
  readonly nodes: string;
  /** Reports that were not given a place of their own. */
  readonly reports: string;
}

export function homePaths(root: string): HomePaths {
  const absolute = resolve(root);
  return {
    root: absolute,
    credentials: join(absolute, "credentials.json"),
    controlPlane: join(absolute, "control-plane"),
    data: join(absolute, "data"),
    nodes: join(absolute, "nodes"),
    reports: join(absolute, "reports"),
  };
}

/** `--home`, else `KTRDR_HOME`, else `~/.ktrdr`. */
export function homeFolder(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return option || environment.KTRDR_HOME || join(homedir(), ".ktrdr");
}
