/** Partitions of the in-memory topic. */
export const memoryPartitions = 3
