/** Bounds on what a repository may cost. Crossing one is a GitError `TooLarge` that names it. */
export interface GitLimits {
  /** Bytes of the pack as sent. */
  packBytes: number;
  /** Objects in the pack. */
  objects: number;
  /** Bytes of one object, inflated. */
  objectBytes: number;
  /** Bytes of all objects, inflated; a small pack can inflate to a thousand times its size. */
  inflatedBytes: number;
  /** Files and directories of the tree; a tree may name one subtree many times. */
  treeEntries: number;
  /** Directories within directories. */
  treeDepth: number;
  /** Bytes of the list of references. */
  refsBytes: number;
}

/** Generous for a repository of manifests, and within a function of 512 MiB of memory and a few GiB of disk. */
export const defaultLimits: GitLimits = {
  packBytes: 2 * 2 ** 30,
  objects: 2_000_000,
  objectBytes: 128 * 2 ** 20,
  inflatedBytes: 8 * 2 ** 30,
  treeEntries: 1_000_000,
  treeDepth: 256,
  refsBytes: 128 * 2 ** 20,
};
