/** Lengths that the maps of modules share, in CSS pixels. */

export const rowHeight = 20;
/** Between cells. */
export const gap = 2;
/** Of column names that lean, where one is wider than its cell, in radians. */
export const slope = (35 * Math.PI) / 180;
