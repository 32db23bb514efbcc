/** Of every topic of the bench. */
export const partitions = 4
