/** The node's own job thread, with a clock in front of it: its listener is registered first, so it is called first. */
import "./start-clock.ts";
import "../../compute-node/agent/job-thread.ts";
