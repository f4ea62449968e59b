// A plane: layers of lines and dots over time, a picture below, points to drag, ink to draw.

function render({ model, el }) {
  const root = make("div", { class: "ido ido-canvas" });
  const stage = make("div", { class: "ido-stage", tabindex: 0, role: "img", "data-lm-suppress-shortcuts": "true" });
  const canvas = make("canvas");
  const g = canvas.getContext("2d");
  let colours = LIGHT, numbers = new Float32Array(0), picture = null, rows = null, begun = 0, dragged = null;
  stage.append(canvas);
  root.append(stage);

  // World (metres, pixels of an image) to pixels of the stage and back; one scale for both axes.
  const fit = () => {
    const [x0, x1, y0, y1] = model.get("view"), w = model.get("width"), h = model.get("height");
    const scale = Math.min(w / (x1 - x0), h / (y1 - y0)), down = model.get("down") ? 1 : -1;
    const cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
    return {
      scale,
      out: (x, y) => [w / 2 + (x - cx) * scale, h / 2 + down * (y - cy) * scale],
      back: (u, v) => [cx + (u - w / 2) / scale, cy + (down * (v - h / 2)) / scale],
    };
  };
  const colour = (name) => colours[name] ?? name;
  const clock = () => model.get("layers").find((layer) => layer.kind === "clock");
  const range = () => {
    const c = clock();
    return c && c.points ? [numbers[c.at], numbers[c.at + c.points - 1]] : [0, 0];
  };

  // Between which two frames the time is, and how far.
  const frameAt = (t) => {
    const c = clock();
    if (!c || c.points < 2) return [0, 0];
    let low = 0, high = c.points - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (numbers[c.at + middle] <= t) low = middle; else high = middle;
    }
    const a = numbers[c.at + low], b = numbers[c.at + high];
    return [low, Math.min(Math.max((t - a) / (b - a || 1), 0), 1)];
  };
  const mix = (one, other, part) => {
    const [p, q] = [one, other].map((c) => [1, 3, 5].map((i) => parseInt(colour(c).slice(i, i + 2), 16)));
    return `rgb(${p.map((v, i) => Math.round(v + (q[i] - v) * part)).join(",")})`;
  };

  const paint = (t) => {
    const w = model.get("width"), h = model.get("height"), ratio = devicePixelRatio || 1, f = fit();
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
      stage.style.width = canvas.style.width = `${w}px`; stage.style.height = canvas.style.height = `${h}px`;
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = colours.paper;
    g.fillRect(0, 0, w, h);
    g.lineCap = g.lineJoin = "round";
    if (model.get("unit")) drawGrid(f, w, h);
    if (picture) {
      const [x0, x1, y0, y1] = model.get("extent"), [u0, v0] = f.out(x0, y0), [u1, v1] = f.out(x1, y1);
      g.imageSmoothingEnabled = false;
      g.globalAlpha = 0.9;
      g.drawImage(picture, Math.min(u0, u1), Math.min(v0, v1), Math.abs(u1 - u0), Math.abs(v1 - v0));
      g.globalAlpha = 1;
    }
    drawInk(f);
    const [frame, part] = frameAt(t);
    for (const layer of model.get("layers")) if (layer.kind !== "clock") drawLayer(layer, f, frame, part);
    for (const button of stage.querySelectorAll(".ido-handle")) {
      const handle = model.get("handles").find((other) => other.name === button.dataset.name);
      if (!handle) continue;
      const [u, v] = f.out(handle.x, handle.y);
      button.style.transform = `translate(${u}px, ${v}px)`;
      button.style.setProperty("--ido-handle", colour(handle.color ?? "accent"));
    }
    canvas.frames = (canvas.frames ?? 0) + 1;
  };

  const drawGrid = (f, w, h) => {
    const raw = 70 / f.scale, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const [xa, ya] = f.back(0, 0), [xb, yb] = f.back(w, h);
    g.strokeStyle = colours.faint; g.lineWidth = 1; g.beginPath();
    for (let x = Math.ceil(Math.min(xa, xb) / step) * step; x <= Math.max(xa, xb); x += step) {
      const u = Math.round(f.out(x, 0)[0]) + 0.5;
      g.moveTo(u, 0); g.lineTo(u, h);
    }
    for (let y = Math.ceil(Math.min(ya, yb) / step) * step; y <= Math.max(ya, yb); y += step) {
      const v = Math.round(f.out(0, y)[1]) + 0.5;
      g.moveTo(0, v); g.lineTo(w, v);
    }
    g.stroke();
    g.strokeStyle = g.fillStyle = colours.muted; g.lineWidth = 2;
    g.beginPath(); g.moveTo(10, h - 10); g.lineTo(10 + step * f.scale, h - 10); g.stroke();
    g.font = "11px system-ui, sans-serif";
    g.fillText(`${Number(step.toPrecision(3))} ${model.get("unit")}`, 12, h - 15);
  };

  const drawInk = (f) => {
    g.strokeStyle = g.fillStyle = colours.ink;
    g.lineWidth = model.get("pen");
    const ink = [...floats(model.get("ink")), ...(rows ?? [])];
    let previous = null;
    g.beginPath();
    for (let i = 0; i + 2 < ink.length; i += 3) {
      if (Number.isNaN(ink[i])) { previous = null; continue; }
      const [u, v] = f.out(ink[i], ink[i + 1]);
      if (previous) g.lineTo(u, v); else { g.moveTo(u, v); g.lineTo(u + 0.01, v); }
      previous = [u, v];
    }
    g.stroke();
  };

  const drawLayer = (layer, f, frame, part) => {
    const n = layer.points, moving = layer.frames > 0, at = layer.at + (moving ? frame * n * 2 : 0);
    const point = (i) => {
      const j = at + 2 * i;
      if (!moving || !part) return f.out(numbers[j], numbers[j + 1]);
      return f.out(numbers[j] + part * (numbers[j + 2 * n] - numbers[j]), numbers[j + 1] + part * (numbers[j + 2 * n + 1] - numbers[j + 1]));
    };
    g.globalAlpha = layer.alpha ?? 1;
    g.lineWidth = layer.width ?? 2;
    g.strokeStyle = g.fillStyle = colour(layer.color ?? "path");
    if (layer.value >= 0) {
      const value = Math.min(Math.max(numbers[layer.value + frame], 0), 1);
      g.strokeStyle = mix("rest", "active", value);
      g.lineWidth = (layer.width ?? 2) * (0.7 + 1.1 * value);
    }
    g.setLineDash(layer.dash ?? []);
    if (layer.kind === "dots") {
      for (let i = 0; i < n; i++) {
        const [u, v] = point(i);
        g.beginPath(); g.arc(u, v, (layer.width ?? 4) / 2, 0, 7); g.fill();
      }
    } else {
      const last = layer.trail ? Math.min(frame + 1, n) : n;
      g.beginPath();
      let pen = false;
      for (let i = 0; i < last; i++) {
        const [u, v] = point(i);
        if (!Number.isFinite(u) || !Number.isFinite(v)) { pen = false; continue; }
        if (pen) g.lineTo(u, v); else g.moveTo(u, v);
        pen = true;
      }
      if (layer.trail && frame + 1 < n) {
        const j = layer.at + 2 * frame, x = numbers[j] + part * (numbers[j + 2] - numbers[j]), y = numbers[j + 1] + part * (numbers[j + 3] - numbers[j + 1]);
        g.lineTo(...f.out(x, y));
      }
      g.stroke();
    }
    g.setLineDash([]);
    g.globalAlpha = 1;
  };

  const time = makeClock(model, range, paint);
  const repaint = () => time.show();
  const place = (event) => {
    const box = canvas.getBoundingClientRect(), w = model.get("width"), h = model.get("height");
    const u = ((event.clientX - box.left) * w) / box.width, v = ((event.clientY - box.top) * h) / box.height;
    return fit().back(Math.min(Math.max(u, 0), w), Math.min(Math.max(v, 0), h));
  };

  // Points to drag are buttons, so that they are reached by the tabulator and moved with the arrows.
  const move = (name, x, y) => {
    const handles = model.get("handles").map((h) => (h.name === name ? { ...h, x, y } : h));
    model.set("handles", handles);
    if (model.get("streaming")) model.set("position", time.now()); // when it was moved
    model.save_changes();
  };
  const buildHandles = () => {
    const wanted = model.get("handles"), old = [...stage.querySelectorAll(".ido-handle")];
    if (old.map((b) => b.dataset.name).join("\n") !== wanted.map((h) => h.name).join("\n")) {
      old.forEach((button) => button.remove());
      for (const handle of wanted) stage.append(makeHandle(handle));
    }
    repaint();
  };
  const makeHandle = (handle) => {
    const button = make("button", { class: "ido-handle", type: "button", "data-name": handle.name, title: handle.label ?? handle.name,
      "aria-label": `${handle.label ?? handle.name}; move it with the arrow keys` });
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId); dragged = handle.name; event.stopPropagation();
    });
    button.addEventListener("pointermove", (event) => { if (dragged === handle.name) move(handle.name, ...place(event)); });
    for (const name of ["pointerup", "pointercancel"]) button.addEventListener(name, () => { dragged = null; });
    button.addEventListener("keydown", (event) => {
      const step = (event.shiftKey ? 20 : 4) / fit().scale, up = model.get("down") ? -step : step;
      const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, up], ArrowDown: [0, -up] }[event.key];
      if (!by) return;
      const now = model.get("handles").find((h) => h.name === handle.name);
      move(handle.name, now.x + by[0], now.y + by[1]);
      event.preventDefault(); event.stopPropagation();
    });
    return button;
  };

  // Drawing: seen at once, sent once when the pen is lifted. What moved less than half a pixel is not kept.
  const add = (event) => {
    const [x, y] = place(event), n = rows.length, near = 0.5 / fit().scale;
    if (n && Math.hypot(rows[n - 3] - x, rows[n - 2] - y) < near) return;
    if (n >= 3 * model.get("most")) rows = rows.filter((_, i) => Math.floor(i / 3) % 2 === 0);
    rows.push(x, y, (event.timeStamp - begun) / 1000);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stage.focus({ preventScroll: true });
    const follow = model.get("follow");
    if (follow) { canvas.setPointerCapture(event.pointerId); dragged = follow; move(follow, ...place(event)); return; }
    if (!model.get("drawable")) return;
    canvas.setPointerCapture(event.pointerId);
    if (!model.get("ink").byteLength) begun = event.timeStamp;
    rows = [];
    add(event); repaint();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged) { move(dragged, ...place(event)); return; }
    if (!rows) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) add(one);
    repaint();
  });
  const lift = () => {
    dragged = null;
    if (!rows) return;
    const ink = [...floats(model.get("ink")), ...rows, NaN, NaN, NaN];
    rows = null;
    model.set("ink", bytes(ink)); model.save_changes();
  };
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, lift);
  stage.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && model.get("drawable")) { model.set("ink", bytes([])); model.save_changes(); }
    else if (model.get("controls") && event.target === stage) time.key(event);
  });

  const onPicture = () => {
    const view = model.get("picture");
    if (!view || !view.byteLength) { picture = null; repaint(); return; }
    createImageBitmap(new Blob([view], { type: "image/png" })).then((image) => { picture = image; repaint(); });
  };
  const onData = () => { numbers = floats(model.get("data")); repaint(); };
  const onLook = () => {
    stage.classList.toggle("ido-drawable", model.get("drawable"));
    stage.setAttribute("aria-label", model.get("label"));
    time.bar.remove();
    if (model.get("controls")) root.append(time.bar);
    time.bar.style.maxWidth = `${model.get("width")}px`;
    repaint();
  };
  const handlers = { "change:picture": onPicture, "change:data": onData, "change:layers": onData, "change:handles": buildHandles };
  for (const name of ["view", "ink", "extent", "down", "unit", "pen"]) handlers[`change:${name}`] = repaint;
  for (const name of ["width", "height", "controls", "drawable", "label"]) handlers[`change:${name}`] = onLook;
  for (const [name, handler] of Object.entries(handlers)) model.on(name, handler);
  el.append(root);
  numbers = floats(model.get("data"));
  buildHandles(); onLook(); onPicture();
  const stopTheme = followTheme(root, (now) => { colours = now; repaint(); });
  return () => {
    stopTheme(); time.stop();
    for (const [name, handler] of Object.entries(handlers)) model.off(name, handler);
  };
}
export default { render };
