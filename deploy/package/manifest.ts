/** Makes the package's package.json and npm-shrinkwrap.json from the checkout's package.json and package-lock.json. */
import { BUNDLED, type Lock, lockFor, type Manifest } from "../packages-for.ts";

/** Packages too large for everyone. People who need one install it beside ktrdr. */
const OPTIONAL_PACKAGES = ["miniflare", "vega-datasets", "webgpu"] as const;

/**
 * Before 24.2, `import.meta.main` is missing, and a node's program would end silently. Before 24, `Math.pow` of V8 rounds
 * differently, and a result would depend on the node that made it.
 */
const NODE_VERSIONS = ">=24.2.0";

interface CheckoutManifest extends Manifest {
  readonly description: string;
  readonly private: boolean;
  readonly type: string;
  readonly bin: Record<string, string>;
  readonly exports: Record<string, unknown>;
  readonly license?: string;
  readonly devDependencies: Record<string, string>;
}

type PackageManifest = Omit<CheckoutManifest, "devDependencies">;

function requiredVersion(versions: Readonly<Record<string, string>>, name: string): string {
  const version = versions[name];
  if (version === undefined) throw new Error(`package.json names no version of ${name}`);
  return version;
}

export function packageManifest(checkout: CheckoutManifest): PackageManifest {
  const versions = { ...checkout.devDependencies, ...checkout.dependencies };
  const isLeftOut = (name: string): boolean => [...OPTIONAL_PACKAGES, ...BUNDLED].includes(name);
  const { name, version, description, private: isPrivate, license, type, bin } = checkout;
  return {
    ...{ name, version, description, private: isPrivate },
    ...(license === undefined ? {} : { license }),
    ...{ type, bin },
    exports: {
      "./strategy": {
        types: "./compute-node/backtest/script/api.d.ts",
        default: "./compute-node/backtest/script/api.js",
      },
      "./package.json": "./package.json",
    },
    engines: { node: NODE_VERSIONS },
    dependencies: Object.fromEntries(Object.entries(checkout.dependencies).filter(([name]) => !isLeftOut(name))),
    peerDependencies: Object.fromEntries(OPTIONAL_PACKAGES.map((name) => [name, requiredVersion(versions, name)])),
    peerDependenciesMeta: Object.fromEntries(OPTIONAL_PACKAGES.map((name) => [name, { optional: true }])),
  };
}

/** The shrinkwrap: versions and hashes of all dependencies, for `npm ci` and for an installation of the package. */
export function shrinkwrap(manifest: PackageManifest, lock: Lock): Lock {
  return lockFor(manifest, lock);
}

/** The shrinkwrap with the optional packages, for `deploy/packages-for.js`. */
export function wholeLock(manifest: PackageManifest, lock: Lock): Lock {
  const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies };
  return lockFor({ ...manifest, dependencies, peerDependencies: undefined, peerDependenciesMeta: undefined }, lock);
}
