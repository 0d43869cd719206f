/** Starts `control-plane/start-control-plane.ts`, for machines installed with 0.1.0, whose units name this path. */
import "../../control-plane/start-control-plane.ts";
