// Builds elements without ever parsing text as HTML: what callers say can't become markup.

/** Makes an element. `props` are properties; `aria-*`, `role` and `data-*` become attributes. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.includes('-') || name === 'role') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** Shows a text in an element, or hides it when there is none. */
export function say(node, text) {
  node.hidden = !text;
  node.textContent = text || '';
}
