/** A lit directive that styles an element through the CSSOM: the page's policy admits no style attribute. */
import { noChange } from 'lit';
import { Directive, directive, type ElementPart } from 'lit/directive.js';

class Styled extends Directive {
  private applied: Readonly<Record<string, string>> = {};

  render(_properties: Readonly<Record<string, string>>): unknown {
    return noChange;
  }

  override update(part: ElementPart, [properties]: [Readonly<Record<string, string>>]): unknown {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(properties))
      if (this.applied[name] !== value) style.setProperty(name, value);
    this.applied = properties;
    return noChange;
  }
}

/** `<div ${styled({ color: 'red' })}>`: the same properties each time; an empty value leaves it to the style sheet. */
export const styled = directive(Styled);
