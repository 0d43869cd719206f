/** Makes the tarball that npm installs: the same bytes for the same files. */
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";

/** Contents by path below the package's folder, with slashes. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** The time that `npm pack` writes too: the day that npm was conceived, since some tools refuse 1970. */
const MODIFIED_AT = new Date("1985-10-26T08:15:00Z");
const READABLE = 0o644;
const EXECUTABLE = 0o755;

/** Makes a gzip-compressed tar with everything below `package/`, sorted by path. Scripts are executable. */
export async function packArchive(files: Files): Promise<Uint8Array> {
  const entries = [...files.keys()].sort().map((path) => {
    const content = files.get(path)!;
    const mode = startsWithShebang(content) ? EXECUTABLE : READABLE;
    const header = { name: `package/${path}`, size: content.byteLength, mtime: MODIFIED_AT, mode };
    return { header, body: content };
  });
  return gzipSync(await packTar(entries), { level: 9 });
}

function startsWithShebang(content: Uint8Array): boolean {
  return content[0] === 0x23 && content[1] === 0x21;
}
