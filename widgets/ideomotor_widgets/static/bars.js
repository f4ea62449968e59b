// Rows of bars that are dragged with the mouse: many numbers at once.

function render({ model, el }) {
  const root = make("div", { class: "ido ido-bars" });
  const stage = make("div", { class: "ido-stage", tabindex: 0, role: "slider", "data-lm-suppress-shortcuts": "true" });
  const canvas = make("canvas");
  const g = canvas.getContext("2d");
  let values = floats(model.get("values")), colours = LIGHT, chosen = null, pressed = null, last = null;
  stage.append(canvas); root.append(stage); el.append(root);
  const size = () => [model.get("width"), model.get("height")];
  const rowCount = () => Math.max(model.get("rows").length, 1);
  const perRow = () => Math.floor(values.length / rowCount());
  const left = 46;
  const geometry = () => {
    const [w, h] = size(), high = h / rowCount(), n = perRow();
    return { w, h, high, n, wide: (w - left - 8) / Math.max(n, 1) };
  };
  const paint = () => {
    const { w, h, high, n, wide } = geometry(), ratio = devicePixelRatio || 1, limit = model.get("limit");
    canvas.width = w * ratio; canvas.height = h * ratio;
    canvas.style.width = stage.style.width = `${w}px`; canvas.style.height = stage.style.height = `${h}px`;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = colours.paper; g.fillRect(0, 0, w, h);
    g.font = "11px system-ui, sans-serif";
    model.get("rows").forEach((name, row) => {
      const middle = high * (row + 0.5), reach = high / 2 - 7;
      g.strokeStyle = colours.faint; g.lineWidth = 1;
      g.strokeRect(left - 3.5, Math.round(middle - reach) - 0.5, wide * n + 6, Math.round(2 * reach) + 1);
      g.fillStyle = colours.muted; g.fillRect(left - 3, middle - 0.5, wide * n + 6, 1);
      g.fillStyle = colours.ink; g.textAlign = "right"; g.fillText(name, left - 9, middle + 4);
      g.fillStyle = colours.muted; g.font = "9.5px system-ui, sans-serif";
      g.fillText(short(limit), left - 9, middle - reach + 7); g.fillText(short(-limit), left - 9, middle + reach);
      g.font = "11px system-ui, sans-serif"; g.textAlign = "left";
      for (let i = 0; i < n; i++) {
        const k = row * n + i, part = Math.min(Math.max(values[k] / limit, -1), 1);
        g.fillStyle = k === chosen ? colours.accent : row % 2 ? colours.good : colours.path;
        const tall = Math.max(Math.abs(part) * reach, 1.5);
        g.fillRect(left + i * wide + 1, part >= 0 ? middle - tall : middle, Math.max(wide - 2, 1), tall);
      }
    });
    const value = chosen === null ? "" : `${model.get("rows")[Math.floor(chosen / n)]} ${(chosen % n) + 1}: ${short(values[chosen])}`;
    stage.setAttribute("aria-valuetext", value);
    stage.title = value;
  };
  const short = (value) => Number(value.toPrecision(3)).toString();
  const send = () => { model.set("values", bytes(values)); model.save_changes(); };
  const at = (event) => {
    const box = canvas.getBoundingClientRect(), { high, n, wide } = geometry();
    const row = pressed ?? Math.min(Math.max(Math.floor((event.clientY - box.top) / high), 0), rowCount() - 1);
    const column = Math.min(Math.max(Math.floor((event.clientX - box.left - left) / wide), 0), n - 1);
    const part = (high * (row + 0.5) - (event.clientY - box.top)) / (high / 2 - 7);
    return { row, column, value: Math.min(Math.max(part, -1), 1) * model.get("limit") };
  };
  const set = (event) => {
    const { row, column, value } = at(event), n = perRow();
    const from = last ?? { column, value }, steps = Math.max(Math.abs(column - from.column), 1);
    for (let i = 0; i <= steps; i++) {
      const c = Math.round(from.column + ((column - from.column) * i) / steps);
      values[row * n + c] = from.value + ((value - from.value) * i) / steps;
    }
    last = { column, value }; chosen = row * n + column;
    paint(); send();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !perRow()) return;
    canvas.setPointerCapture(event.pointerId); stage.focus({ preventScroll: true });
    last = null; pressed = at(event).row; set(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (pressed !== null) set(event); });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { pressed = last = null; });
  canvas.addEventListener("dblclick", (event) => { const { row, column } = at(event); values[row * perRow() + column] = 0; paint(); send(); });
  stage.addEventListener("keydown", (event) => {
    const n = perRow(), step = (model.get("limit") / 50) * (event.shiftKey ? 10 : 1);
    if (!n) return;
    const k = chosen ?? 0;
    if (event.key === "ArrowRight") chosen = Math.min(k + 1, values.length - 1);
    else if (event.key === "ArrowLeft") chosen = Math.max(k - 1, 0);
    else if (event.key === "ArrowUp") { chosen = k; values[k] += step; send(); }
    else if (event.key === "ArrowDown") { chosen = k; values[k] -= step; send(); }
    else if (event.key === "Delete" || event.key === "0") { chosen = k; values[k] = 0; send(); }
    else return;
    event.preventDefault(); paint();
  });
  const onValues = () => { if (pressed === null) { values = floats(model.get("values")); paint(); } };
  model.on("change:values", onValues);
  const names = ["rows", "limit", "width", "height"].map((name) => `change:${name}`);
  for (const name of names) model.on(name, paint);
  const label = () => stage.setAttribute("aria-label", `${model.get("label")}; arrow keys choose a bar and change it`);
  label();
  const stopTheme = followTheme(root, (now) => { colours = now; paint(); });
  return () => { stopTheme(); model.off("change:values", onValues); for (const name of names) model.off(name, paint); };
}
export default { render };
