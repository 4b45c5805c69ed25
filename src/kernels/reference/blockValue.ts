/** Value number `i` of the block that begins at byte `at`, rounded to float32 after every operation. */
export type BlockValue = (view: DataView, at: number, i: number) => number;
