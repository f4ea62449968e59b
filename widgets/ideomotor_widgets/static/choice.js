// A drop-down whose entries say what they are, and, greyed, why they do not fit.

function render({ model, el }) {
  const root = make("div", { class: "ido ido-choice" });
  const button = make("button", { class: "ido-button ido-choice-button", type: "button", "aria-haspopup": "listbox", "aria-expanded": "false" });
  const list = make("div", { class: "ido-choice-list", role: "listbox", hidden: true, popover: "manual" });
  root.append(button, list); el.append(root);
  const isOpen = () => !list.hidden;
  const place = () => {
    const box = button.getBoundingClientRect(), below = innerHeight - box.bottom;
    const high = Math.min(360, Math.max(below, box.top) - 12);
    list.style.left = `${Math.min(box.left, innerWidth - 330)}px`;
    list.style.maxHeight = `${high}px`;
    list.style.top = below >= Math.min(high, 200) ? `${box.bottom + 2}px` : "";
    list.style.bottom = below >= Math.min(high, 200) ? "" : `${innerHeight - box.top + 2}px`;
  };
  const open = () => {
    list.hidden = false; list.showPopover?.(); place(); button.setAttribute("aria-expanded", "true");
    model.set("opened", model.get("opened") + 1); model.save_changes();
    (list.querySelector("[aria-selected=true]") ?? list.firstElementChild)?.focus();
    addEventListener("pointerdown", outside, true);
    addEventListener("scroll", scrolled, true);
  };
  const close = (back = true) => {
    if (!isOpen()) return;
    list.hidePopover?.(); list.hidden = true; button.setAttribute("aria-expanded", "false");
    removeEventListener("pointerdown", outside, true); removeEventListener("scroll", scrolled, true);
    if (back) button.focus();
  };
  const outside = (event) => { if (!root.contains(event.target)) close(false); };
  const scrolled = (event) => { if (!list.contains(event.target)) place(); };
  const choose = (name) => { close(); model.set("chosen", [name, Date.now()]); model.save_changes(); };
  const paint = () => {
    const options = model.get("options"), value = model.get("value");
    const focused = [...list.children].indexOf(document.activeElement);
    const now = options.find((option) => option.name === value);
    button.replaceChildren(make("span", {}, now?.label ?? value ?? "…"), make("span", { class: "ido-chevron", "aria-hidden": true }, "▾"));
    button.title = now?.summary ?? "";
    button.setAttribute("aria-label", `${model.get("label")}: ${now?.label ?? value}`);
    list.replaceChildren(...options.map((option) => {
      const item = make("div", { class: "ido-option", role: "option", tabindex: -1, "aria-selected": String(option.name === value), "data-name": option.name },
        make("div", {}, option.label ?? option.name), make("small", {}, option.reason || option.summary || ""));
      item.classList.toggle("ido-unfit", Boolean(option.reason));
      item.title = option.reason || option.summary || "";
      item.addEventListener("click", () => choose(option.name));
      return item;
    }));
    if (isOpen() && focused >= 0) list.children[focused]?.focus();
  };
  button.addEventListener("click", () => (isOpen() ? close() : open()));
  button.addEventListener("keydown", (event) => { if (["ArrowDown", "ArrowUp"].includes(event.key)) { event.preventDefault(); open(); } });
  list.addEventListener("keydown", (event) => {
    const items = [...list.children], at = items.indexOf(document.activeElement);
    if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp") items[Math.max(at - 1, 0)]?.focus();
    else if (event.key === "Enter" || event.key === " ") choose(document.activeElement.dataset.name);
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.preventDefault(); event.stopPropagation();
  });
  const names = ["options", "value", "label"].map((name) => `change:${name}`);
  for (const name of names) model.on(name, paint);
  paint();
  return () => { close(false); for (const name of names) model.off(name, paint); };
}
export default { render };
