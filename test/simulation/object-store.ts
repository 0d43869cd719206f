/** Stands in for R2: objects by name, and uploads whose parts wait to be joined. It outlives every registry. */

/** A fault of the store's own, such as an upload that it does not know (any more). */
export class StoreFault extends Error {}

export class ObjectStore {
  readonly #objects = new Map<string, string>();
  readonly #uploads = new Map<string, { readonly sha256: string; readonly parts: Map<number, string> }>();
  #opened = 0;

  get names(): string[] {
    return [...this.#objects.keys()];
  }

  get openUploads(): string[] {
    return [...this.#uploads.keys()];
  }

  has(sha256: string): boolean {
    return this.#objects.has(sha256);
  }

  get(sha256: string): string | undefined {
    return this.#objects.get(sha256);
  }

  put(sha256: string, bytes: string): void {
    this.#objects.set(sha256, bytes);
  }

  delete(sha256: string): void {
    this.#objects.delete(sha256);
  }

  openUpload(sha256: string): string {
    const uploadId = `upload-${++this.#opened}`;
    this.#uploads.set(uploadId, { sha256, parts: new Map() });
    return uploadId;
  }

  putPart(uploadId: string, partNumber: number, bytes: string): void {
    this.#require(uploadId).parts.set(partNumber, bytes);
  }

  /** The upload is over, and its parts are an object. */
  join(uploadId: string, partNumbers: readonly number[]): void {
    const { sha256, parts } = this.#require(uploadId);
    const pieces = partNumbers.map((partNumber) => parts.get(partNumber));
    if (pieces.includes(undefined))
      throw new StoreFault(`${uploadId} lacks one of the parts ${partNumbers.join(", ")}`);
    this.#uploads.delete(uploadId);
    this.#objects.set(sha256, pieces.join(""));
  }

  abort(uploadId: string): void {
    this.#require(uploadId);
    this.#uploads.delete(uploadId);
  }

  #require(uploadId: string): { readonly sha256: string; readonly parts: Map<number, string> } {
    const upload = this.#uploads.get(uploadId);
    if (upload === undefined) throw new StoreFault(`there is no ${uploadId}`);
    return upload;
  }
}
