/** Fills in the parts of a route's path. */
import type { Route } from "./route.ts";

/** The names between braces, in their order: `"id" | "part"` of `/uploads/{id}/{part}`. */
export type ParameterName<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterName<Rest>
  : never;

/** A path that is known to the compiler says which names it needs. */
type Parameters<Path extends string> = string extends Path
  ? [parameters: Readonly<Record<string, string | number>>]
  : [ParameterName<Path>] extends [never]
    ? []
    : [parameters: Readonly<Record<ParameterName<Path>, string | number>>];

/**
 * Makes the path of a request, such as `/api/v1/workers/desk-1`. A part cannot lead out of its place: characters with a meaning
 * in a path are escaped.
 */
export function pathOf<const R extends Pick<Route, "path">>(route: R, ...[parameters]: Parameters<R["path"]>): string {
  const values: Readonly<Record<string, string | number>> = parameters ?? {};
  return route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name]!));
}

/** The names between braces, in their order. */
export function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}
