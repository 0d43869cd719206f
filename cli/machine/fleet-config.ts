/** The schema and the rules of deploy/config/workers.<environment>.yaml, where an operator describes a fleet. */
import { z } from "zod";
import { Problem } from "../../protocol/problem.ts";
import { toSnakeCase, wire } from "../../protocol/wire.ts";
import { WORKER_TYPES, type WorkerType, workerType } from "../../protocol/workers.ts";
import {
  addressNumber,
  addressText,
  isHostOf,
  type Network,
  parseAddressRange,
  parseNetwork,
} from "./address-range.ts";

const MOST_WORKERS = 250;

const httpUrl = z
  .url({ protocol: /^https?$/, error: "It is an http:// or https:// URL." })
  .refine((text) => !/[\s,]/.test(text), "It has no spaces and no commas.");
const workerCount = z.int().min(0).max(MOST_WORKERS);
const address = z.string().refine((text) => addressNumber(text) !== null, "It is an IPv4 address.");
const network = z
  .string()
  .refine(
    (text) => parseNetwork(text) !== null,
    "It is a network such as 192.168.1.0/24, with no bits beyond the prefix.",
  );
const addressRange = z
  .string()
  .refine((text) => parseAddressRange(text) !== null, "It is a range of addresses such as 192.168.1.201-205.");
/** A name that is passed to Proxmox on a command line. */
const proxmoxName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9._-]{0,62}$/, "It is a name of letters, digits, '.', '_', '-'.");

const healthCheck = z.strictObject({
  intervalSeconds: z.number().min(0.01).max(3600),
  timeoutSeconds: z.number().min(0.001).max(3600),
  failureThreshold: z.int().min(1).max(100),
  removalThresholdSeconds: z.number().min(0.01).max(604_800),
});

const deployment = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("docker-compose"),
    /** Containers of each type. */
    scale: z.partialRecord(workerType, workerCount),
  }),
  z.strictObject({
    type: z.literal("proxmox-lxc"),
    templateId: z.int().min(100).max(999_999_999),
    storage: proxmoxName.default("local-lvm"),
    bridge: proxmoxName.default("vmbr0"),
    network: z.strictObject({ subnet: network, gateway: address }),
  }),
]);

const workerPool = z.strictObject({
  count: workerCount,
  cores: z.int().min(1).max(8192),
  memoryMb: z.int().min(256).max(16_777_216),
  /** At least `count` addresses; the first worker gets the first one. */
  ipRange: addressRange,
});

const fleetConfigSchema = z
  .strictObject({
    /** Where nodes reach the control plane. */
    backendUrl: httpUrl,
    healthCheck,
    deployment,
    workers: z.partialRecord(workerType, workerPool).default({}),
  })
  .superRefine(checkFleet);

export type FleetConfig = z.infer<typeof fleetConfigSchema>;
type WorkerPool = z.infer<typeof workerPool>;
type ProxmoxDeployment = Extract<FleetConfig["deployment"], { type: "proxmox-lxc" }>;

const fleetWire = wire(fleetConfigSchema);

/** The checked configuration. Throws an `invalid-request` whose issues have the paths of the file (snake_case). */
export function parseFleetConfig(json: unknown): FleetConfig {
  return fleetWire.parse(json, "fleet configuration");
}

/** With the keys of the file, and defaults filled in. */
export function fleetConfigJson(config: FleetConfig): Record<string, unknown> {
  return fleetWire.encode(config) as Record<string, unknown>;
}

function checkFleet(
  config: { deployment: FleetConfig["deployment"]; workers: FleetConfig["workers"] },
  context: z.core.$RefinementCtx,
): void {
  const fault = (path: (string | number)[], message: string): void => {
    context.addIssue({ code: "custom", path, message });
  };
  const pools = poolsOf(config.workers);
  if (config.deployment.type === "docker-compose") {
    if (pools.length > 0) fault(["workers"], "Compose has no addresses to give; say how many with deployment.scale.");
    return;
  }
  const { subnet, gateway } = config.deployment.network;
  const within = parseNetwork(subnet);
  const gatewayNumber = addressNumber(gateway);
  if (within === null || gatewayNumber === null) return;
  if (!isHostOf(within, gatewayNumber)) fault(["deployment", "network", "gateway"], `${gateway} is not in ${subnet}.`);
  const taken = new Map<number, string>([[gatewayNumber, "the gateway"]]);
  for (const [type, pool] of pools) {
    for (const message of poolFaults(type, pool, within, subnet, taken)) fault(["workers", type, "ipRange"], message);
  }
}

/** Adds the pool's addresses to `taken`. Reports at most one fault, since further ones would follow from it. */
function poolFaults(
  type: WorkerType,
  { count, ipRange }: WorkerPool,
  within: Network,
  subnet: string,
  taken: Map<number, string>,
): string[] {
  const addresses = parseAddressRange(ipRange);
  if (addresses === null) return [];
  if (addresses.length < count) return [`${ipRange} has ${addresses.length} addresses for ${count} workers.`];
  for (const each of addresses) {
    if (!isHostOf(within, each)) return [`${addressText(each)} is not an address for a host in ${subnet}.`];
    const holder = taken.get(each);
    if (holder !== undefined) return [`${addressText(each)} is that of ${holder} too.`];
    taken.set(each, `workers.${type}`);
  }
  return [];
}

function poolsOf(workers: FleetConfig["workers"]): [WorkerType, WorkerPool][] {
  return WORKER_TYPES.flatMap((type) => {
    const pool = workers[type];
    return pool === undefined ? [] : [[type, pool] as [WorkerType, WorkerPool]];
  });
}

/** One container to make: the arguments of `provision-worker.sh`. */
export interface PlannedWorker {
  /** Also its host name, so it has none of the type's underscores. */
  readonly workerId: string;
  readonly ip: string;
  readonly workerType: WorkerType;
  readonly cores: number;
  readonly memoryMb: number;
}

export interface FleetPlan {
  readonly deployment: ProxmoxDeployment;
  readonly backendUrl: string;
  readonly workers: readonly PlannedWorker[];
}

const ID_WORD: Readonly<Record<WorkerType, string>> = {
  backtesting: "backtest",
  cpu_training: "training",
  gpu_host: "gpu",
};

/** Each worker by name and address. Throws `invalid-request` for a fleet that is not on Proxmox. */
export function planFleet(config: FleetConfig): FleetPlan {
  const { deployment, backendUrl } = config;
  if (deployment.type !== "proxmox-lxc") {
    throw new Problem("invalid-request", `This fleet is deployed with ${deployment.type}, which needs no plan.`, {
      cure: "Name a fleet on Proxmox, such as: KTRDR_ENV=prod ktrdr config plan",
    });
  }
  const workers = poolsOf(config.workers).flatMap(([type, pool]) =>
    (parseAddressRange(pool.ipRange) ?? []).slice(0, pool.count).map((number, index) => ({
      workerId: `ktrdr-${ID_WORD[type]}-${index + 1}`,
      ip: addressText(number),
      workerType: type,
      cores: pool.cores,
      memoryMb: pool.memoryMb,
    })),
  );
  return { deployment, backendUrl, workers };
}

/** The numbers that the control plane takes as REGISTRY_CONFIG. */
export function registryNumbers({ healthCheck }: FleetConfig): Record<string, number> {
  const milliseconds = (seconds: number): number => Math.round(seconds * 1000);
  return {
    healthIntervalMs: milliseconds(healthCheck.intervalSeconds),
    healthTimeoutMs: milliseconds(healthCheck.timeoutSeconds),
    failureThreshold: healthCheck.failureThreshold,
    removalMs: milliseconds(healthCheck.removalThresholdSeconds),
  };
}

/** Every field that a file may have, by its path (snake_case, with dots), and the schema of its value. */
export const FLEET_FIELDS: ReadonlyMap<string, z.ZodType> = new Map(fieldsOf(fleetConfigSchema, ""));

/** Every object that a file may have, the root (an empty path) among them, with the keys that it may hold. */
export const FLEET_OBJECTS: ReadonlyMap<string, readonly string[]> = objectsOf(FLEET_FIELDS.keys());

function fieldsOf(schema: z.core.$ZodType, path: string): [string, z.ZodType][] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
  switch (def.type) {
    case "object":
      return Object.entries(def.shape).flatMap(([name, field]) => fieldsOf(field, below(toSnakeCase(name))));
    case "default":
      return fieldsOf(def.innerType, path);
    case "union":
      return def.options.flatMap((option) => fieldsOf(option, path));
    case "record":
      return WORKER_TYPES.flatMap((type) => fieldsOf(def.valueType, below(type)));
    default:
      return [[path, schema as z.ZodType]];
  }
}

function objectsOf(paths: Iterable<string>): Map<string, string[]> {
  const objects = new Map<string, string[]>();
  for (const path of paths) {
    const names = path.split(".");
    names.forEach((name, depth) => {
      const parent = names.slice(0, depth).join(".");
      const keys = objects.get(parent) ?? [];
      if (!keys.includes(name)) keys.push(name);
      objects.set(parent, keys);
    });
  }
  return objects;
}
