/** Where everything of a network stands in the GPU's buffers, and how its work is cut into workgroups. */
import { Problem } from "../../../protocol/index.ts";
import {
  gateCount,
  type LossSpec,
  type MlpSpec,
  type NetworkSpec,
  type OptimiserSpec,
  type ParameterTensor,
  parameterLayout,
  type RecurrentSpec,
} from "../network.ts";
import type { AdapterLimits } from "./adapter.ts";

/**
 * One weight matrix. Columns count within a row of the trace, which has, for each example of a batch and each time of
 * its window (one for an mlp), the values that go into every matrix and the deltas: the loss's derivatives by what
 * comes out of them.
 */
export interface MatrixPlan {
  readonly inputs: number;
  readonly outputs: number;
  /** [outputs, inputs], in the member's parameters; then [inputs, outputs] at `transposedOffset`. */
  readonly weightOffset: number;
  readonly biasOffset: number;
  readonly transposedOffset: number;
  readonly inputColumn: number;
  readonly deltaColumn: number;
  /** The head of a recurrent network works on a window's last time alone. */
  readonly lastTimeOnly: boolean;
  /** Tiles of the gradient matrix [outputs, inputs]; the first across have the bias as well. */
  readonly firstTile: number;
  readonly tilesAcross: number;
  readonly tilesDown: number;
}

/** Batch norm after a hidden layer's matrix. */
export interface NormPlan {
  readonly units: number;
  /** Places in the member's parameters: trained ones, then batch norm's kept ones. */
  readonly scaleOffset: number;
  readonly shiftOffset: number;
  readonly meanOffset: number;
  readonly varianceOffset: number;
  /** Columns of the trace. The inverse deviations use only a batch's first row. */
  readonly normalisedColumn: number;
  readonly inverseColumn: number;
  /** Among the sums of squares. */
  readonly firstTile: number;
}

/** Cuts the work; the results are the same to rounding. */
export interface Tiling {
  /** True for an mlp in which each layer is a kernel of its own. */
  readonly layered: boolean;
  /** Rows of a batch in one workgroup; a multiple of 4. */
  readonly rowsPerGroup: number;
  /** The rows of a group that one thread computes together; a multiple of 4. */
  readonly rowsPerThread: number;
  readonly rowThreads: number;
  /** Side of a tile of the gradient: 16 or 32. */
  readonly gradientTile: number;
  /** Rows whose activations a gradient workgroup holds at once. */
  readonly gradientRows: number;
}

/** The sizes and options that make kernels differ. Members of one shape train together. */
export interface Shape<Network extends NetworkSpec = NetworkSpec> {
  readonly network: Network;
  readonly lossKind: LossSpec["kind"];
  readonly optimiserKind: OptimiserSpec["kind"];
  /** Arrays of moments. */
  readonly moments: number;
  /** True when any member drops values. */
  readonly dropout: boolean;
  /** True when windows differ in length. */
  readonly windows: boolean;
  readonly members: number;
}

export interface Plan<Network extends NetworkSpec = NetworkSpec> extends Shape<Network> {
  /** In the order in which values go through them. */
  readonly matrices: readonly MatrixPlan[];
  /** One a hidden layer, or none. */
  readonly norms: readonly NormPlan[];
  /** Times in a window. */
  readonly times: number;
  /** Where the outputs stand in the cells: the workgroup's memory of `cellColumns` columns, [column, row]. */
  readonly outputCell: number;
  readonly cellColumns: number;
  /** Floats of one member that the optimiser changes. */
  readonly parameterCount: number;
  /** The same, with batch norm's kept statistics. */
  readonly keptCount: number;
  /** Floats of one member in the weights' buffer: parameters, then every weight matrix transposed. */
  readonly weightStride: number;
  /** Floats of one row of the trace. */
  readonly traceStride: number;
  readonly gradientTiles: number;
  /** Sums of squares that the gradient's norm consists of: one a tile, and those of batch norm. */
  readonly squareTiles: number;
  readonly tiling: Tiling;
}

export type MlpPlan = Plan<MlpSpec>;
export type RecurrentPlan = Plan<RecurrentSpec>;

export const GRADIENT_THREADS = 64;
export const UPDATE_THREADS = 256;
export const NORM_THREADS = 64;
const BYTES_PER_FLOAT = 4;
/** Bytes of a workgroup's memory that its threads use to exchange values, beside the cells. */
const SHARED_BYTES = 512;
/** Workgroups that keep a large GPU busy: two for each of its 132 or so processors. */
const ENOUGH_GROUPS = 264;
/** From such a width on, reading the weights once for a few rows takes longer than more kernels. */
const WIDE_UNITS = 512;

/**
 * Cuts the work of `shape` for an adapter. `asked` overrides the choice, for measuring.
 * Throws `too-large` when four rows' values of a recurrent network do not fit into the adapter's workgroup memory.
 */
export function planOf(shape: Shape, limits: AdapterLimits, asked: Partial<Tiling> = {}): Plan {
  const { network } = shape;
  const columns = network.kind === "mlp" ? mlpColumns(network) : recurrentColumns(network);
  const tiling = chooseTiling(shape, columns, limits, asked);
  const matrices = placeMatrices(network, columns.matrices, tiling.gradientTile);
  const last = matrices[matrices.length - 1];
  const gradientTiles = last.firstTile + last.tilesAcross * last.tilesDown;
  const norms =
    network.kind === "mlp" && network.batchNorm ? placeNorms(network, columns.traceStride, gradientTiles) : [];
  const normUnits = norms.reduce((sum, { units }) => sum + units, 0);
  const { trainableLength, length } = parameterLayout(network);
  return {
    ...shape,
    matrices,
    norms,
    times: network.kind === "mlp" ? 1 : network.sequenceLength,
    outputCell: columns.outputCell,
    cellColumns: columns.cellColumns,
    parameterCount: trainableLength,
    keptCount: length,
    weightStride: last.transposedOffset + last.inputs * last.outputs,
    traceStride: columns.traceStride + 2 * normUnits,
    gradientTiles,
    squareTiles: gradientTiles + norms.reduce((sum, { units }) => sum + normGroups(units), 0),
    tiling,
  };
}

interface Columns {
  readonly matrices: readonly MatrixColumns[];
  readonly outputCell: number;
  readonly cellColumns: number;
  readonly traceStride: number;
  /** Units that threads compute side by side, at most. */
  readonly widest: number;
}

interface MatrixColumns {
  readonly weight: string;
  readonly bias: string;
  readonly inputColumn: number;
  readonly deltaColumn: number;
  readonly lastTimeOnly: boolean;
}

/** Trace: the values that go into each layer, then the deltas of each. Cells: the values of each, then the outputs. */
function mlpColumns({ inputs, hidden, outputs }: MlpSpec): Columns {
  const widths = [inputs, ...hidden];
  const valueColumns = widths.reduce((sum, width) => sum + width, 0);
  let column = 0;
  const matrices = widths.map((width, layer) => {
    const inputColumn = column;
    column += width;
    const deltaColumn = valueColumns + column - inputs;
    return {
      weight: `layers.${layer}.weight`,
      bias: `layers.${layer}.bias`,
      inputColumn,
      deltaColumn,
      lastTimeOnly: false,
    };
  });
  return {
    matrices,
    outputCell: valueColumns,
    cellColumns: valueColumns + outputs,
    traceStride: 2 * valueColumns - inputs + outputs,
    widest: Math.max(...widths),
  };
}

/** Columns of the trace of a recurrent network beside those of the matrices: an LSTM's cell states. */
export function cellStateColumn(network: RecurrentSpec, layer: number): number {
  return recurrentColumns(network).traceStride - (network.layers - layer) * network.hidden;
}

/** Gate values of a recurrent layer that stand in the cells at once; a GRU's candidate has two parts. */
export const GATE_CELLS = 4;

/** Lays out the cells of a recurrent network as columns. */
export function recurrentCells({ inputs, hidden, layers, outputs }: RecurrentSpec) {
  const input = 2 * layers * hidden + GATE_CELLS * hidden;
  return {
    /** Going forward a layer's state, going back the loss's derivative by it. */
    state: (layer: number) => layer * hidden,
    /** The same for an LSTM's cell state. */
    cellState: (layer: number) => (layers + layer) * hidden,
    gates: 2 * layers * hidden,
    /** A layer's input; on the way back, the derivative by that input. */
    input,
    output: input + Math.max(inputs, hidden),
    count: input + Math.max(inputs, hidden) + outputs,
  };
}

/**
 * Trace: inputs; each layer's state before; what goes into the second layer and those above, and into the head; each
 * layer's gates, which the deltas replace (for a GRU once for the input's matrix and once for the state's, whose
 * candidates differ); the outputs' deltas; an LSTM's cell states.
 */
function recurrentColumns(network: RecurrentSpec): Columns {
  const { kind, inputs, hidden, layers, outputs } = network;
  const gates = gateCount(kind) * hidden;
  const deltas = kind === "lstm" ? gates : 2 * gates;
  const firstDelta = inputs + 2 * layers * hidden;
  const headDelta = firstDelta + layers * deltas;
  const into = (layer: number) => (layer === 0 ? 0 : inputs + (layers + layer - 1) * hidden);
  const cells = Array.from({ length: layers }, (_, layer): MatrixColumns[] => {
    const deltaColumn = firstDelta + layer * deltas;
    const parts = (name: string) => ({ weight: `rnn.weight_${name}_l${layer}`, bias: `rnn.bias_${name}_l${layer}` });
    return [
      { ...parts("ih"), inputColumn: into(layer), deltaColumn, lastTimeOnly: false },
      {
        ...parts("hh"),
        inputColumn: inputs + layer * hidden,
        deltaColumn: deltaColumn + deltas - gates,
        lastTimeOnly: false,
      },
    ];
  });
  const head = { weight: "head.weight", bias: "head.bias", inputColumn: into(layers), deltaColumn: headDelta };
  return {
    matrices: [...cells.flat(), { ...head, lastTimeOnly: true }],
    outputCell: recurrentCells(network).output,
    cellColumns: recurrentCells(network).count,
    traceStride: headDelta + outputs + (kind === "lstm" ? layers * hidden : 0),
    widest: GATE_CELLS * hidden,
  };
}

function placeMatrices(network: NetworkSpec, columns: readonly MatrixColumns[], tile: number): MatrixPlan[] {
  const find = tensorFinder(network);
  let transposedOffset = parameterLayout(network).length;
  let firstTile = 0;
  return columns.map(({ weight, bias, ...rest }) => {
    const { offset, shape } = find(weight);
    const [outputs, inputs] = shape;
    const placed: MatrixPlan = {
      ...rest,
      inputs,
      outputs,
      weightOffset: offset,
      biasOffset: find(bias).offset,
      transposedOffset,
      firstTile,
      tilesAcross: Math.ceil(inputs / tile),
      tilesDown: Math.ceil(outputs / tile),
    };
    transposedOffset += inputs * outputs;
    firstTile += placed.tilesAcross * placed.tilesDown;
    return placed;
  });
}

/** Workgroups that go through so many units. */
export function normGroups(units: number): number {
  return Math.ceil(units / NORM_THREADS);
}

function placeNorms(network: MlpSpec, firstColumn: number, firstSquare: number): NormPlan[] {
  const find = tensorFinder(network);
  let column = firstColumn;
  let firstTile = firstSquare;
  return network.hidden.map((units, layer) => {
    const offset = (name: string) => find(`norms.${layer}.${name}`).offset;
    const norm: NormPlan = {
      units,
      scaleOffset: offset("weight"),
      shiftOffset: offset("bias"),
      meanOffset: offset("running_mean"),
      varianceOffset: offset("running_var"),
      normalisedColumn: column,
      inverseColumn: column + units,
      firstTile,
    };
    column += 2 * units;
    firstTile += normGroups(units);
    return norm;
  });
}

function tensorFinder(network: NetworkSpec): (name: string) => ParameterTensor {
  const { tensors } = parameterLayout(network);
  return (name) => {
    const tensor = tensors.find((one) => one.name === name);
    if (tensor === undefined) throw new Error(`the layout has no ${name}`);
    return tensor;
  };
}

function chooseTiling(
  { members, network }: Shape,
  { cellColumns, widest }: Columns,
  limits: AdapterLimits,
  asked: Partial<Tiling>,
): Tiling {
  const room = Math.floor((limits.workgroupMemoryBytes - SHARED_BYTES) / BYTES_PER_FLOAT);
  const fitting = Math.floor(room / (cellColumns * 4)) * 4;
  // Batch norm needs every row of a layer before the next.
  const layered =
    network.kind === "mlp" && (network.batchNorm || fitting < 4 || (asked.layered ?? widest >= WIDE_UNITS));
  if (fitting < 4 && !layered) {
    const most = Math.floor(room / 4);
    throw new Problem(
      "too-large",
      `The network holds ${cellColumns} values of a row at once; this GPU has room for ${most}.`,
      { cure: "Make the hidden layers narrower, or train on the CPU." },
    );
  }
  // One network leaves most of a GPU idle: small workgroups then finish sooner. Many networks fill it: large ones then
  // read the weights less often.
  const alone = members * 8 < ENOUGH_GROUPS;
  const most = fitting >= 16 ? Math.floor(fitting / 8) * 8 : fitting;
  const rowsPerGroup = Math.min(asked.rowsPerGroup ?? (alone ? 4 : 16), most);
  const rowsPerThread = Math.min(asked.rowsPerThread ?? (alone ? 4 : 8), rowsPerGroup);
  const usefulThreads = widest * (rowsPerGroup / rowsPerThread);
  const rowThreads = asked.rowThreads ?? (usefulThreads <= 64 ? 64 : usefulThreads <= 128 ? 128 : 256);
  return {
    layered,
    rowsPerGroup,
    rowsPerThread: rowsPerGroup % rowsPerThread === 0 ? rowsPerThread : 4,
    rowThreads: Math.min(rowThreads, limits.workgroupThreads),
    gradientTile: asked.gradientTile ?? (alone ? 16 : 32),
    gradientRows: asked.gradientRows ?? (alone ? 32 : 16),
  };
}
