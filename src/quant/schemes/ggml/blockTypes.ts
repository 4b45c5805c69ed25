import type { SchemeName } from '../../types';
import type { BlockType } from './blockType';
import { kTypes } from './kTypes';
import { legacyTypes } from './legacyTypes';
import { levelTypes } from './levelTypes';
import { ternaryTypes } from './ternaryTypes';

/** ggml's types that are written, in the order in which menus show them. */
export const blockTypes: readonly BlockType[] = [...legacyTypes, ...kTypes, ...levelTypes, ...ternaryTypes];

const byName = new Map<SchemeName, BlockType>(blockTypes.map((type) => [type.name, type]));

/** The ggml type of a scheme's name; undefined for other schemes. */
export const blockTypeNamed = (name: SchemeName): BlockType | undefined => byName.get(name);
