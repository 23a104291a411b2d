/*
 * Reordering the items of a list by dragging, and by Alt with an arrow key. `moved(from, to)` is told the positions
 * among the items; the caller re-renders or keeps the new order of the elements.
 */

/** Attach to `list`; its direct children that match `selector` are the items, and each must be draggable. */
export function attachReorder(list, selector, moved) {
  let dragged = null;
  let start = -1;
  const items = () => Array.from(list.querySelectorAll(selector));

  list.addEventListener("dragstart", (event) => {
    dragged = event.target.closest(selector);
    if (!dragged) return;
    start = items().indexOf(dragged);
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.key || "");
    dragged.classList.add("dragged");
  });
  list.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const over = event.target.closest(selector);
    if (!over || over === dragged) return;
    const box = over.getBoundingClientRect();
    over.parentNode.insertBefore(dragged, event.clientY > box.top + box.height / 2 ? over.nextSibling : over);
  });
  list.addEventListener("drop", (event) => event.preventDefault());
  list.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    const end = items().indexOf(dragged);
    dragged = null;
    if (end !== start) moved(start, end);
  });
  list.addEventListener("keydown", (event) => {
    const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
    const item = step && event.target.closest(selector);
    if (!item) return;
    event.preventDefault();
    const all = items();
    const from = all.indexOf(item);
    const to = from + step;
    if (to < 0 || to >= all.length) return;
    moved(from, to);
  });
}

/** The list with the item at `from` put at `to`. */
export function withMoved(list, from, to) {
  const result = list.slice();
  result.splice(to, 0, ...result.splice(from, 1));
  return result;
}
