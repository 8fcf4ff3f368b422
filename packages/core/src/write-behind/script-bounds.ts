// One script blocks Redis while it runs. Here, so that a test can have several of them for a few entries.

/** Entries. */
export const mostTaken = 1_000
/** Keys. */
export const mostAcknowledged = 1_000
