/** The exit codes of a node's process, for whoever starts it again. 0: it was asked to leave; 1: a fault; 2: wrong settings. */

/** The control plane no longer serves this protocol version: nothing but an update helps. */
export const EXIT_TOO_OLD = 4;
