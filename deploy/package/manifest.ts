/** The package's own package.json and npm-shrinkwrap.json, out of the checkout's package.json and package-lock.json. */
import { BUNDLED, type Lock, lockFor, type Manifest } from "../packages-for.ts";

/** Too large for everyone; whoever needs one installs it beside ktrdr. */
const OPTIONAL_PACKAGES = ["miniflare", "vega-datasets", "webgpu"] as const;

/**
 * Before 24.2, `import.meta.main` is not there and a node's program would end without a word; before 24, `Math.pow` of V8
 * rounds otherwise, and a result would depend on the node that made it.
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

/** What `npm ci` and an installation of the package take: versions and hashes of its dependencies, and of theirs. */
export function shrinkwrap(manifest: PackageManifest, lock: Lock): Lock {
  return lockFor(manifest, lock);
}

/** The same with the optional packages, for `deploy/packages-for.js`. */
export function wholeLock(manifest: PackageManifest, lock: Lock): Lock {
  const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies };
  return lockFor({ ...manifest, dependencies, peerDependencies: undefined, peerDependenciesMeta: undefined }, lock);
}
