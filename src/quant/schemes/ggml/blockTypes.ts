import type { SchemeName } from '../../types';
import type { BlockType } from './blockType';
import { kTypes } from './kTypes';
import { latticeTypes } from './latticeTypes';
import { legacyTypes } from './legacyTypes';
import { levelTypes } from './levelTypes';
import { oneBitTypes } from './oneBitTypes';
import { ternaryTypes } from './ternaryTypes';

/** ggml's types that are written, in the order in which menus show them. */
export const blockTypes: readonly BlockType[] = [
  ...legacyTypes,
  ...kTypes,
  ...levelTypes,
  ...latticeTypes,
  ...oneBitTypes,
  ...ternaryTypes,
];

const byName = new Map<SchemeName, BlockType>(blockTypes.map((type) => [type.name, type]));

/** The ggml type of a scheme's name; undefined for other schemes. */
export const blockTypeNamed = (name: SchemeName): BlockType | undefined => byName.get(name);
