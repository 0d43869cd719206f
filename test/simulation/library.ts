/** People who publish market data in the workspace's store, pin its versions, and withdraw them again. */
import { DATASET_BYTES_PER_BAR } from "../../protocol/index.ts";
import { SYMBOLS } from "./simulated-node.ts";
import { upload } from "./uploader.ts";
import { contentOf } from "./workload.ts";
import type { World } from "./world.ts";

export interface Dataset {
  readonly symbol: string;
  readonly timeframe: string;
  readonly sha256: string;
  readonly rows: number;
}

const TRIES = 20;
const A_PERSON = { credential: null, lease: null };

export class Library {
  readonly #world: World;
  readonly #datasets = new Map<string, Dataset>();
  #versions = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** A new version, or one that was there before: its bytes may be in the store, on their way out of it, or gone. */
  publishSome(): void {
    const { chance } = this.#world;
    const known = [...this.#datasets.values()];
    const dataset = known.length > 0 && chance.perMille(400) ? chance.pick(known) : this.#newVersion();
    this.publish(dataset.sha256);
  }

  withdrawSome(): void {
    const { chance, judge, network, routes } = this.#world;
    const published = judge.published;
    if (published.length === 0) return;
    const { sha256 } = chance.pick(published);
    network.ask(
      `withdraw ${sha256.slice(0, 8)}`,
      () => routes.withdraw(sha256),
      () => {},
    );
  }

  /** Publishes one of these again, soon, if there is a dataset among them. */
  wantBack(names: readonly string[]): void {
    const { chance, queue } = this.#world;
    const datasets = names.filter((name) => this.#datasets.has(name));
    if (datasets.length > 0) queue.after(chance.between(1, 20_000), () => this.publish(chance.pick(datasets)));
  }

  /** Uploads and publishes, and tries again where it fails, as a person would. */
  publish(sha256: string, tries = TRIES): void {
    const { network, routes, chance, queue, tally } = this.#world;
    const dataset = this.#datasets.get(sha256);
    if (dataset === undefined) throw new Error(`nobody has the dataset ${sha256}`);
    const again = (): void => {
      if (tries > 1) queue.after(chance.between(1, 10_000), () => this.publish(sha256, tries - 1));
    };
    const label = `dataset ${sha256.slice(0, 8)}`;
    const request = { label, caller: () => A_PERSON, sha256, inParts: chance.perMille(600) };
    const inTheMiddle = chance.perMille(100) ? chance.between(1, 2_000) : Number.POSITIVE_INFINITY;
    const begunAt = queue.now;
    upload(
      this.#world,
      request,
      () => queue.now - begunAt < inTheMiddle,
      (outcome) => {
        if (outcome.type !== "stored") again();
        else {
          network.ask(
            label,
            () => routes.publish(dataset),
            (answer) => {
              if (!answer.arrived || answer.value.status >= 300) again();
              else tally.published++;
            },
          );
        }
      },
    );
  }

  #newVersion(): Dataset {
    const sha256 = `d${(++this.#versions).toString(16).padStart(7, "0")}`.padEnd(64, "0");
    const rows = contentOf(sha256).length / DATASET_BYTES_PER_BAR;
    const dataset = { symbol: this.#world.chance.pick(SYMBOLS), timeframe: "1d", sha256, rows };
    this.#datasets.set(sha256, dataset);
    return dataset;
  }
}
