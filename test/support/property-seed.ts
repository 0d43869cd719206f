/**
 * Property tests draw new cases at each run, so that a working week tries many. CI draws the same ones each time, so that
 * what fails there was changed there; `PROPERTY_SEED` replays a run anywhere. With `PROPERTY_SHRINK=no` the first counterexample ends a
 * test: `make mutants` asks only whether there is one.
 */
import fc from "fast-check";

const CI_SEED = 20_261_123;
const given = process.env.PROPERTY_SEED ?? (process.env.CI ? String(CI_SEED) : undefined);
if (given !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(given) });
if (process.env.PROPERTY_SHRINK === "no") fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true });
