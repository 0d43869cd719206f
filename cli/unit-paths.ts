/** The paths in the committed unit, which hold on machines that deploy/scripts/update-code.sh keeps. */
export const UNIT_NODE = "/opt/ktrdr/node/bin/node";
/** A link for each type, to a package; systemd puts the instance in the place of `%i`. */
export const UNIT_CODE = "/opt/ktrdr/%i";
/** What the unit runs, below that. */
export const UNIT_PROGRAM = "compute-node/main.js";
