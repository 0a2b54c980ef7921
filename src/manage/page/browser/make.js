/** Makes an element with these properties. */
export function make(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
