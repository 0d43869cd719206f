/** The paths in the committed unit, which hold on machines that deploy/scripts/update-code.sh keeps. */
export const UNIT_NODE = "/opt/ktrdr/node/bin/node";
/** A link for each type; systemd puts the instance in the place of `%i`. */
export const UNIT_CODE = "/opt/ktrdr/%i";
