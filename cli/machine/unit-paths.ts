/** The paths of a service's files. The committed units use those of machines that deploy/scripts/update-code.sh updates. */
import type { WorkerType } from "../../protocol/workers.ts";

export const UNIT_NODE = "/opt/ktrdr/node/bin/node";
/** A link to a package for each type; systemd replaces `%i` by the instance. */
export const UNIT_CODE = "/opt/ktrdr/%i";
/** The unit's program, relative to that folder. */
export const UNIT_PROGRAM = "compute-node/main.js";

/** The link of a type, `control_plane` included. */
export function codeLink(type: string): string {
  return UNIT_CODE.replace("%i", type);
}

export const UNIT_TEMPLATE_PATH = "/etc/systemd/system/ktrdr-worker@.service";
/** The worker's unit starts this one when the control plane no longer takes the node's version. */
export const UPDATE_UNIT_PATH = "/etc/systemd/system/ktrdr-update@.service";
export const SYSUSERS_PATH = "/etc/sysusers.d/ktrdr.conf";

export function unitName(type: WorkerType): string {
  return `ktrdr-worker@${type}.service`;
}

export function settingsPath(type: WorkerType): string {
  return `/etc/ktrdr/${type}.yaml`;
}

export function statePath(type: WorkerType): string {
  return `/var/lib/ktrdr/${type}`;
}

export function cachePath(type: WorkerType): string {
  return `/var/cache/ktrdr/${type}`;
}

/** The folder of settings for one type only. */
export function dropInFolder(type: WorkerType): string {
  return `/etc/systemd/system/${unitName(type)}.d`;
}
