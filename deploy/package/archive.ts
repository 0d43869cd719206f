/** The tarball that npm installs: the same bytes for the same files. */
import { gzipSync } from "node:zlib";
import { TAR_END, tarHeader, tarPadding } from "../../control-plane/tar.ts";

/** By path below the package's folder, with slashes. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** What `npm pack` writes too: the day that npm was conceived, since some tools refuse 1970. */
const MODIFIED_AT_MS = Date.parse("1985-10-26T08:15:00Z");
const READABLE = 0o644;
const EXECUTABLE = 0o755;

/** A gzip-compressed tar with everything below `package/`, sorted by path. Scripts are executable. */
export function packArchive(files: Files): Uint8Array {
  const paths = [...files.keys()].sort();
  const parts = paths.flatMap((path): Uint8Array[] => {
    const content = files.get(path)!;
    const mode = startsWithShebang(content) ? EXECUTABLE : READABLE;
    const header = tarHeader({ path: `package/${path}`, bytes: content.byteLength }, MODIFIED_AT_MS, mode);
    return [header, content, tarPadding(content.byteLength)];
  });
  return gzipSync(Buffer.concat([...parts, TAR_END]), { level: 9 });
}

function startsWithShebang(content: Uint8Array): boolean {
  return content[0] === 0x23 && content[1] === 0x21;
}
