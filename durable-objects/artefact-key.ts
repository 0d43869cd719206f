/** Returns an artefact's key in the store: apart by workspace, named by its content. */
export function artefactKey(workspace: string, sha256: string): string {
  return `${workspace}/${sha256}`;
}
