// What all views share: the theme, elements, float32 buffers, and the clock with its bar of controls.

const LIGHT = {
  ink: "#1f2328", muted: "#b9bec5", faint: "#e7e9ec", path: "#0072b2", ghost: "#9fc8e3", accent: "#d55e00",
  good: "#009e73", link: "#6b7280", paper: "#ffffff", rest: "#d8b4b4", active: "#c1121f",
};
const DARK = {
  ink: "#e6e8ea", muted: "#5c636b", faint: "#2b2f34", path: "#56b4e9", ghost: "#33566b", accent: "#ff9a4d",
  good: "#34d399", link: "#9ca3af", paper: "#16181b", rest: "#5a4040", active: "#ff5d5d",
};

function isDark(element) {
  const luminance = (text) => {
    const probe = document.createElement("canvas").getContext("2d");
    probe.fillStyle = "#ffffff";
    probe.fillStyle = text;
    const hex = probe.fillStyle;
    if (!hex.startsWith("#")) return null;
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const lab = getComputedStyle(document.body).getPropertyValue("--jp-layout-color0").trim();
  if (lab) return luminance(lab) < 0.5;
  for (let node = element; node && node.nodeType === 1; node = node.parentElement) {
    const value = luminance(getComputedStyle(node).backgroundColor);
    if (value !== null) return value < 0.5;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Calls `paint(colours)` now and at each change of the theme; returns what stops that.
function followTheme(root, paint) {
  const apply = () => {
    const dark = isDark(root);
    root.dataset.theme = dark ? "dark" : "light";
    paint(dark ? DARK : LIGHT);
  };
  // A theme's colours may come after its name.
  const soon = () => [0, 200, 800].forEach((delay) => setTimeout(apply, delay));
  const watcher = new MutationObserver(soon);
  for (const node of [document.documentElement, document.body])
    watcher.observe(node, { attributes: true, attributeFilter: ["class", "style", "data-jp-theme-name", "data-jp-theme-light", "data-theme", "theme"] });
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", soon);
  apply();
  requestAnimationFrame(apply); // once it is in the page
  return () => { watcher.disconnect(); media.removeEventListener("change", soon); };
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function floats(view) {
  if (!view || !view.byteLength) return new Float32Array(0);
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function bytes(numbers) {
  return new DataView(Float32Array.from(numbers).buffer);
}

// Time that runs in the browser: nothing is sent while it plays. `range()` gives [begin, end], `paint(t)` draws.
function makeClock(model, range, paint) {
  let t = model.get("position") ?? 0, last = null, request = 0, asked = -Infinity;
  const bar = make("div", { class: "ido-bar" });
  const button = make("button", { class: "ido-play", type: "button", onclick: () => toggle() });
  const slider = make("input", { type: "range", class: "ido-scrub", min: 0, max: 1, step: "any", "aria-label": "time" });
  const text = make("span", { class: "ido-time" });
  const loop = make("button", { class: "ido-loop", type: "button", title: "loop", "aria-label": "loop",
    onclick: () => { model.set("loop", !model.get("loop")); model.save_changes(); } }, "⟲");
  const speed = make("select", { class: "ido-speed", title: "speed", "aria-label": "speed",
    onchange: () => { model.set("speed", Number(speed.value)); model.save_changes(); } });
  for (const value of [0.1, 0.25, 0.5, 1, 2, 4]) speed.append(make("option", { value }, `${value}×`));
  bar.append(button, slider, text, loop, speed);
  const clamp = (value) => { const [a, b] = range(); return Math.min(Math.max(value, a), b); };
  const show = () => {
    const [a, b] = range();
    slider.min = a; slider.max = b; slider.value = clamp(t);
    text.textContent = `${(clamp(t) - a).toFixed(2)} / ${(b - a).toFixed(2)} s`;
    paint(clamp(t));
  };
  const report = () => { model.set("position", t); model.save_changes(); };
  const tick = (now) => {
    request = 0;
    if (!model.get("playing")) return;
    const [a, b] = range();
    if (last !== null) t += ((now - last) / 1000) * model.get("speed");
    last = now;
    if (model.get("streaming")) {
      if (b - t < 0.8 && asked < b) { asked = b; model.set("wants", t); model.save_changes(); }
    } else if (t >= b) {
      if (model.get("loop") && b > a) t = a + ((t - a) % (b - a));
      else { t = b; model.set("playing", false); report(); }
    }
    show();
    if (model.get("playing")) request = requestAnimationFrame(tick);
  };
  const start = () => { last = null; if (!request) request = requestAnimationFrame(tick); };
  const toggle = (on = !model.get("playing")) => {
    if (on && t >= range()[1] - 1e-6) t = range()[0];
    model.set("playing", on);
    report();
  };
  const seek = (value) => { t = clamp(value); show(); report(); };
  slider.addEventListener("input", () => { model.set("playing", false); seek(Number(slider.value)); });
  const onPlaying = () => {
    const on = model.get("playing");
    button.textContent = on ? "❚❚" : "▶";
    button.setAttribute("aria-label", on ? "pause" : "play");
    button.title = on ? "pause (space)" : "play (space)";
    if (on) { if (!model.get("streaming") && t >= range()[1] - 1e-6) t = range()[0]; start(); }
    else if (last !== null) { last = null; t = clamp(t); report(); show(); }
  };
  const onPosition = () => { if (!model.get("playing") || Math.abs(model.get("position") - t) > 0.5) { t = model.get("position"); show(); } };
  const onLoop = () => loop.setAttribute("aria-pressed", String(model.get("loop")));
  const onSpeed = () => { speed.value = String(model.get("speed")); };
  const handlers = { "change:playing": onPlaying, "change:position": onPosition, "change:loop": onLoop, "change:speed": onSpeed };
  for (const [name, handler] of Object.entries(handlers)) model.on(name, handler);
  onPlaying(); onLoop(); onSpeed();
  const key = (event) => {
    const [a, b] = range(), step = (b - a) / (event.shiftKey ? 10 : 100);
    if (event.key === " ") toggle();
    else if (event.key === "ArrowRight") { model.set("playing", false); seek(t + step); }
    else if (event.key === "ArrowLeft") { model.set("playing", false); seek(t - step); }
    else if (event.key === "Home") seek(a);
    else if (event.key === "End") seek(b);
    else return false;
    event.preventDefault();
    return true;
  };
  const stop = () => {
    cancelAnimationFrame(request);
    for (const [name, handler] of Object.entries(handlers)) model.off(name, handler);
  };
  return { bar, show, key, stop, now: () => clamp(t) };
}
