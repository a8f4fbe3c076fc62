// Which nodes are of this pack.

export function isOurs(node) {
  return /^(RIFE|SAFA)|RIFE$/.test(node?.comfyClass ?? "");
}
