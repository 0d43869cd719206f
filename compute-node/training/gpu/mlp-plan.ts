/** Where everything of an mlp stands in the GPU's buffers, and how its work is cut into workgroups. */
import { Problem } from "../../../protocol/index.ts";
import type { Activation, LossSpec, MlpSpec, OptimiserSpec } from "../network.ts";
import type { AdapterLimits } from "./adapter.ts";

/** One linear layer. Columns count within a row of the trace. */
export interface LayerPlan {
  readonly inputs: number;
  readonly outputs: number;
  /** [outputs, inputs], in the member's parameters; then [inputs, outputs] at `transposedOffset`. */
  readonly weightOffset: number;
  readonly biasOffset: number;
  readonly transposedOffset: number;
  /** What goes into the layer, and what comes out. */
  readonly inputColumn: number;
  readonly outputColumn: number;
  /** The loss's derivatives by what the layer's linear part gives. */
  readonly deltaColumn: number;
  /** Tiles of the gradient matrix [outputs, inputs]; the first across have the bias as well. */
  readonly firstTile: number;
  readonly tilesAcross: number;
  readonly tilesDown: number;
}

/** How work is cut; the results are the same to rounding. */
export interface Tiling {
  /** Rows of a batch in one workgroup; a multiple of 4. */
  readonly rowsPerGroup: number;
  /** Of those, rows that one thread computes together; a multiple of 4. */
  readonly rowsPerThread: number;
  readonly rowThreads: number;
  /** Side of a tile of the gradient: 16 or 32. */
  readonly gradientTile: number;
  /** Rows whose activations a gradient workgroup holds at once. */
  readonly gradientRows: number;
}

export interface MlpPlan {
  readonly layers: readonly LayerPlan[];
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: Activation;
  readonly lossKind: LossSpec["kind"];
  readonly optimiserKind: OptimiserSpec["kind"];
  /** Whether any member drops values. */
  readonly dropout: boolean;
  /** Arrays of moments. */
  readonly moments: number;
  /** Floats of one member's parameters, without the transposed copies. */
  readonly parameterCount: number;
  /** Floats of one member in the weights' buffer: parameters, then every weight matrix transposed. */
  readonly weightStride: number;
  /** Columns that the rows' kernel keeps in workgroup memory: every layer's values. */
  readonly valueColumns: number;
  /** Floats of one row in the trace: the values that go into layers, then the deltas. */
  readonly traceStride: number;
  readonly gradientTiles: number;
  readonly tiling: Tiling;
}

/** What differs between kernels: members of one plan train together. */
export interface MlpShape {
  readonly network: MlpSpec;
  readonly lossKind: LossSpec["kind"];
  readonly optimiserKind: OptimiserSpec["kind"];
  readonly moments: number;
  /** Whether any member drops values. */
  readonly dropout: boolean;
  readonly members: number;
}

export const GRADIENT_THREADS = 64;
export const UPDATE_THREADS = 256;
const BYTES_PER_FLOAT = 4;
/** Workgroups that keep a large GPU busy: two for each of its 132 or so processors. */
const ENOUGH_GROUPS = 264;

/**
 * Cuts the work of `shape` for an adapter. `asked` overrides the choice, for measuring.
 * Throws `too-large` when four rows' values do not fit into the adapter's workgroup memory.
 */
export function planMlp(shape: MlpShape, limits: AdapterLimits, asked: Partial<Tiling> = {}): MlpPlan {
  const { network } = shape;
  const widths = [network.inputs, ...network.hidden, network.outputs];
  const valueColumns = widths.reduce((sum, width) => sum + width, 0);
  const tiling = chooseTiling(shape, valueColumns, limits, asked);
  const layers = planLayers(widths, tiling.gradientTile);
  const parameterCount = widths.slice(1).reduce((sum, width, layer) => sum + width * (widths[layer] + 1), 0);
  const last = layers[layers.length - 1];
  return {
    layers,
    inputs: network.inputs,
    outputs: network.outputs,
    activation: network.activation,
    lossKind: shape.lossKind,
    optimiserKind: shape.optimiserKind,
    dropout: shape.dropout,
    moments: shape.moments,
    parameterCount,
    weightStride: last.transposedOffset + last.inputs * last.outputs,
    valueColumns,
    traceStride: last.deltaColumn + last.outputs,
    gradientTiles: last.firstTile + last.tilesAcross * last.tilesDown,
    tiling,
  };
}

function planLayers(widths: readonly number[], tile: number): LayerPlan[] {
  const valuesInTrace = widths.slice(0, -1).reduce((sum, width) => sum + width, 0);
  let transposedOffset = widths.slice(1).reduce((sum, width, layer) => sum + width * (widths[layer] + 1), 0);
  let parameters = 0;
  let column = 0;
  let firstTile = 0;
  return widths.slice(1).map((outputs, index) => {
    const inputs = widths[index];
    const plan: LayerPlan = {
      inputs,
      outputs,
      weightOffset: parameters,
      biasOffset: parameters + inputs * outputs,
      transposedOffset,
      inputColumn: column,
      outputColumn: column + inputs,
      deltaColumn: valuesInTrace + column + inputs - widths[0],
      firstTile,
      tilesAcross: Math.ceil(inputs / tile),
      tilesDown: Math.ceil(outputs / tile),
    };
    parameters += (inputs + 1) * outputs;
    transposedOffset += inputs * outputs;
    column += inputs;
    firstTile += plan.tilesAcross * plan.tilesDown;
    return plan;
  });
}

function chooseTiling(
  { members, network }: MlpShape,
  valueColumns: number,
  limits: AdapterLimits,
  asked: Partial<Tiling>,
): Tiling {
  const fitting = Math.floor(limits.workgroupMemoryBytes / BYTES_PER_FLOAT / (valueColumns * 4)) * 4;
  if (fitting < 4) {
    const most = Math.floor(limits.workgroupMemoryBytes / BYTES_PER_FLOAT / 4);
    throw new Problem("too-large", `The layers have ${valueColumns} units together; this GPU takes at most ${most}.`, {
      cure: "Make the hidden layers narrower, or train on the CPU.",
    });
  }
  // One network leaves most of a GPU idle: small workgroups then finish sooner. Many networks fill it: large ones then
  // read the weights less often.
  const alone = members * 8 < ENOUGH_GROUPS;
  const widest = Math.max(...network.hidden, network.inputs);
  const rowsPerGroup = Math.min(
    asked.rowsPerGroup ?? (alone ? 4 : 16),
    fitting >= 16 ? Math.floor(fitting / 8) * 8 : fitting,
  );
  const rowsPerThread = Math.min(asked.rowsPerThread ?? (alone ? 4 : 8), rowsPerGroup);
  const usefulThreads = widest * (rowsPerGroup / rowsPerThread);
  return {
    rowsPerGroup,
    rowsPerThread: rowsPerGroup % rowsPerThread === 0 ? rowsPerThread : 4,
    rowThreads: Math.min(
      asked.rowThreads ?? (usefulThreads <= 64 ? 64 : usefulThreads <= 128 ? 128 : 256),
      limits.workgroupThreads,
    ),
    gradientTile: asked.gradientTile ?? (alone ? 16 : 32),
    gradientRows: asked.gradientRows ?? (alone ? 32 : 16),
  };
}
