/** Elements, found and made. */

export const byId = (id) => document.getElementById(id);

/** An element with a class, a text, and children. */
export function make(tag, { className = '', text = '', title = '' } = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  if (title) element.title = title;
  element.append(...children);
  return element;
}

/** Set a text, if it changed: a live region speaks at every write. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
