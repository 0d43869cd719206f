/** Starts `control-plane/start-control-plane.ts`: the units of machines that were installed with 0.1.0 name this place. */
import "../../control-plane/start-control-plane.ts";
