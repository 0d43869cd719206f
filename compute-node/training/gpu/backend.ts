/** The GPU as a training backend: the same sessions as the CPU's, computed by WGSL kernels through Dawn. */
import { Problem } from "../../../protocol/index.ts";
import {
  type BatchRequest,
  type BatchResults,
  type Evaluation,
  type LearntState,
  type Member,
  momentCount,
  parameterLayout,
  type TrainingBackend,
  type TrainingSession,
} from "../network.ts";
import { initialParameters } from "../random.ts";
import { type AdapterDescription, type AdapterRequest, adapterLine, findAdapter } from "./adapter.ts";
import { GpuDevice } from "./device.ts";
import { meanLoss } from "./mean-loss.ts";
import { type Plan, planOf, type Tiling } from "./plan.ts";
import { bytesPerMember, mostBatchRowsOf, Population, SLICE_BYTES } from "./population.ts";
import { RequestQueue } from "./request-queue.ts";
import type { OutputsRequest, TrainRequest } from "./requests.ts";

/** Cuts the work differently from the usual choice. */
interface Cut {
  readonly tiling?: Partial<Tiling>;
  /** Bytes of the rows' order that go to the GPU at once. */
  readonly sliceBytes?: number;
}

interface GpuBackendRequest extends AdapterRequest, Cut {}

export interface GpuBackend extends TrainingBackend {
  readonly description: AdapterDescription;
  /** Why it cannot train the member, for a caller that then takes the CPU and says so; null when it can. */
  refusal(member: Member): Problem | null;
  /** Gives the device back; sessions that still work fail. */
  dispose(): void;
}

/** Opens the machine's GPU. Throws the Problems of `findAdapter`, and `unavailable` when it gives no device. */
export async function openGpuBackend(request: GpuBackendRequest = {}): Promise<GpuBackend> {
  const device = await GpuDevice.open(await findAdapter(request));
  return backendOf(device, request);
}

export function backendOf(device: GpuDevice, { tiling = {}, sliceBytes = SLICE_BYTES }: Cut = {}): GpuBackend {
  const createPopulation = async (members: readonly Member[]): Promise<TrainingSession[]> => {
    const sessions = new Map<Member, TrainingSession>();
    try {
      for (const group of groupsOf(members, device, tiling)) {
        const population = await Population.create(device, group.plan, group.members, sliceBytes);
        const shared = new SharedPopulation(population, group.members.length);
        for (const [index, member] of group.members.entries())
          sessions.set(member, new GpuSession(shared, index, member));
      }
    } catch (thrown) {
      for (const session of sessions.values()) session.dispose();
      throw thrown;
    }
    await device.settle(device.device.queue.onSubmittedWorkDone());
    return members.map((member) => {
      const session = sessions.get(member);
      if (session === undefined) throw new Error("a member is in no group");
      return session;
    });
  };
  return {
    name: adapterLine(device.description),
    description: device.description,
    create: async (member) => (await createPopulation([member]))[0],
    createPopulation,
    refusal: (member) => {
      try {
        planOfGroup([member], device, tiling);
        return null;
      } catch (thrown) {
        return Problem.from(thrown);
      }
    },
    dispose: () => device.destroy(),
  };
}

interface Group {
  readonly plan: Plan;
  readonly members: readonly Member[];
}

/** Members that one set of kernels and buffers serves; as many together as the adapter's buffers hold. */
function groupsOf(members: readonly Member[], device: GpuDevice, tiling: Partial<Tiling>): Group[] {
  const alike: Member[][] = [];
  for (const member of members) {
    const place = alike.find(([first]) => areAlike(first, member));
    if (place === undefined) alike.push([member]);
    else place.push(member);
  }
  return alike.flatMap((group) => {
    const plan = planOfGroup(group, device, tiling);
    const most = mostMembers(plan, group, device);
    const parts = Math.ceil(group.length / most);
    const size = Math.ceil(group.length / parts);
    return Array.from({ length: parts }, (_, part) => ({ plan, members: group.slice(part * size, (part + 1) * size) }));
  });
}

/** But for their dropout, which may differ. */
function shapeOf({ network }: Member): string {
  return JSON.stringify({ ...network, dropout: 0 });
}

function areAlike(left: Member, right: Member): boolean {
  return (
    left.set.features === right.set.features &&
    left.set.labels.values === right.set.labels.values &&
    left.set.windowRows === right.set.windowRows &&
    shapeOf(left) === shapeOf(right) &&
    left.options.loss.kind === right.options.loss.kind &&
    left.options.optimiser.kind === right.options.optimiser.kind &&
    momentCount(left.options.optimiser) === momentCount(right.options.optimiser)
  );
}

function planOfGroup(group: readonly Member[], device: GpuDevice, tiling: Partial<Tiling>): Plan {
  const [{ network, options, set }] = group;
  const shape = {
    network,
    lossKind: options.loss.kind,
    optimiserKind: options.optimiser.kind,
    moments: momentCount(options.optimiser),
    dropout: group.some((member) => member.network.dropout > 0),
    windows: network.kind !== "mlp" && set.windowRows !== undefined,
    members: group.length,
  };
  return planOf(shape, device.description.limits, tiling);
}

function mostMembers(plan: Plan, group: readonly Member[], device: GpuDevice): number {
  const { bufferBytes, storageBindingBytes } = device.description.limits;
  const largest = Math.max(...Object.values(bytesPerMember(plan, mostBatchRowsOf(group))));
  return Math.max(1, Math.floor(Math.min(bufferBytes, storageBindingBytes) / largest));
}

type RequestKind = "train" | "outputs" | "state";

/** A population and those who still use it. */
class SharedPopulation {
  readonly population: Population;
  readonly queue: RequestQueue<RequestKind>;
  #users: number;

  constructor(population: Population, users: number) {
    this.population = population;
    this.#users = users;
    this.queue = new RequestQueue<RequestKind>({
      train: (requests: readonly TrainRequest[]) => population.train(requests),
      outputs: (requests: readonly OutputsRequest[]) => population.outputs(requests),
      state: (indexes: readonly number[]) => population.readStates(indexes),
    });
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.population.dispose();
  }
}

class GpuSession implements TrainingSession {
  readonly #shared: SharedPopulation;
  readonly #index: number;
  readonly #member: Member;
  #disposed = false;

  constructor(shared: SharedPopulation, index: number, member: Member) {
    this.#shared = shared;
    this.#index = index;
    this.#member = member;
    const { trainableLength } = parameterLayout(member.network);
    const moments = Array.from(
      { length: momentCount(member.options.optimiser) },
      () => new Float32Array(trainableLength),
    );
    const parameters = initialParameters(member.network, member.options.seed);
    shared.population.writeState(index, { parameters, moments, steps: 0 });
  }

  trainBatches(request: BatchRequest): Promise<BatchResults> {
    return this.#shared.queue.ask<BatchResults>("train", { ...request, index: this.#index });
  }

  async evaluate(rows: Uint32Array): Promise<Evaluation> {
    const outputs = await this.#shared.queue.ask<Float32Array>("outputs", { index: this.#index, rows });
    return { outputs, ...meanLoss(outputs, rows, this.#member.set.labels, this.#member.options.loss) };
  }

  getState(): Promise<LearntState> {
    return this.#shared.queue.ask<LearntState>("state", this.#index);
  }

  async setState(state: LearntState): Promise<void> {
    const { length, trainableLength } = parameterLayout(this.#member.network);
    const moments = momentCount(this.#member.options.optimiser);
    const fits =
      state.parameters.length === length &&
      state.moments.length === moments &&
      state.moments.every((moment) => moment.length === trainableLength);
    if (!fits) {
      const given = `${state.parameters.length} weights and ${state.moments.length} moments`;
      throw new Problem("conflict", `A state of ${given} is not this network's, which has ${length} and ${moments}.`, {
        cure: "Continue with the network and the optimiser that the checkpoint was made with.",
      });
    }
    this.#shared.population.writeState(this.#index, state);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#shared.release();
  }
}
