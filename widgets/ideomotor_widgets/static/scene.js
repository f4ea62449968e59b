// Bodies in space, played from one buffer: three.js draws, the mouse turns, zooms and shifts the view.

const SIMPLE = {
  box: (s) => new THREE.BoxGeometry(2 * s[0], 2 * s[1], 2 * s[2]),
  sphere: (s) => new THREE.SphereGeometry(s[0], 24, 16),
  ellipsoid: (s) => new THREE.SphereGeometry(1, 24, 16).scale(...s),
  capsule: (s) => new THREE.CapsuleGeometry(s[0], 2 * s[1], 8, 20).rotateX(Math.PI / 2),
  cylinder: (s) => new THREE.CylinderGeometry(s[0], s[0], 2 * s[1], 32).rotateX(Math.PI / 2),
  plane: (s) => new THREE.PlaneGeometry(2 * s[0], 2 * s[1]),
};

function render({ model, el }) {
  const root = make("div", { class: "ido ido-canvas ido-scene" });
  const stage = make("div", { class: "ido-stage", tabindex: 0, role: "img", "data-lm-suppress-shortcuts": "true" });
  root.append(stage); el.append(root);
  const size = () => [model.get("width"), model.get("height")];
  let colours = LIGHT, numbers = new Float32Array(0), bodies = [], layers = [], painted = [], renderer = null, poses = null;
  try {
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error("no WebGL 2");
    renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  } catch (error) {
    const [w, h] = size();
    stage.style.width = `${w}px`; stage.style.minHeight = `${Math.min(h, 120)}px`;
    stage.append(make("div", { class: "ido-no-webgl", role: "alert" },
      "This browser draws nothing in three dimensions (it has no WebGL 2, or it is switched off). " +
      "Switch on hardware acceleration, take another browser, or see the still picture that snapshot() gives."));
    return;
  }
  const canvas = renderer.domElement;
  const lost = make("div", { class: "ido-no-webgl ido-lost", role: "alert", hidden: true },
    "The browser has taken the graphics memory of this view away: too many are open. Close some, then run the cell again.");
  stage.append(canvas, lost);
  canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); lost.hidden = false; });
  canvas.addEventListener("webglcontextrestored", () => { lost.hidden = true; repaint(); });
  const scene = new THREE.Scene(), camera = new THREE.PerspectiveCamera(35, 1, 0.001, 100);
  camera.up.set(0, 0, 1);
  const sky = new THREE.HemisphereLight(0xffffff, 0x8a8f98, 1.6), sun = new THREE.DirectionalLight(0xffffff, 1.9);
  scene.add(sky, sun, sun.target);
  const things = new THREE.Group();
  scene.add(things);
  const orbit = new THREE.OrbitControls(camera, canvas);
  orbit.enableDamping = false; orbit.zoomSpeed = 0.6;

  let described = [];
  const clock = () => described.find((layer) => layer.kind === "clock");
  const range = () => { const c = clock(); return c && c.points ? [numbers[c.at], numbers[c.at + c.points - 1]] : [0, 0]; };
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

  const dispose = () => {
    things.traverse((thing) => { thing.geometry?.dispose(); thing.material?.dispose(); });
    things.clear(); bodies = []; layers = []; painted = []; poses = null;
  };
  const mesh = (layer) => {
    if (layer.kind !== "mesh") return SIMPLE[layer.kind](layer.size);
    const geometry = new THREE.BufferGeometry();
    const points = numbers.slice(layer.at, layer.at + 3 * layer.points);
    geometry.setAttribute("position", new THREE.BufferAttribute(points, 3));
    geometry.setIndex([...numbers.subarray(layer.faces, layer.faces + 3 * layer.triangles)]);
    const flat = geometry.toNonIndexed(); // edges of convex parts stay sharp
    geometry.dispose(); flat.computeVertexNormals();
    return flat;
  };
  const place = (thing, pose, at) => {
    thing.position.set(pose[at], pose[at + 1], pose[at + 2]);
    thing.quaternion.set(pose[at + 4], pose[at + 5], pose[at + 6], pose[at + 3]);
  };
  const build = () => {
    dispose();
    numbers = floats(model.get("data")); described = model.get("layers");
    poses = described.find((layer) => layer.kind === "poses") ?? null;
    for (let i = 0; poses && i < poses.bodies; i++) { const group = new THREE.Group(); bodies.push(group); things.add(group); }
    for (const layer of described) {
      if (layer.kind in SIMPLE || layer.kind === "mesh") {
        const [r, g, b, a] = layer.rgba, material = new THREE.MeshStandardMaterial({ roughness: 0.65, metalness: 0.05 });
        material.color.setRGB(r, g, b, "srgb"); material.transparent = a < 1; material.opacity = a;
        if (layer.kind === "plane") material.side = THREE.DoubleSide;
        const thing = new THREE.Mesh(mesh(layer), material);
        place(thing, layer.pose, 0);
        (layer.body >= 0 ? bodies[layer.body] : things).add(thing);
        painted.push({ layer, material, own: material.color.clone() });
      } else if (layer.kind === "line" || layer.kind === "segments") {
        const step = layer.kind === "line" ? 3 : 6, pairs = [], ends = [0];
        for (let i = layer.at; i + 5 < layer.at + 3 * layer.points; i += step) {
          const pair = numbers.subarray(i, i + 6);
          if (pair.every(Number.isFinite)) pairs.push(...pair);
          ends.push(pairs.length / 6);
        }
        if (!pairs.length) continue;
        const geometry = new THREE.LineSegmentsGeometry();
        geometry.setPositions(pairs);
        const material = new THREE.LineMaterial({ linewidth: layer.width ?? 3, transparent: true, opacity: layer.alpha ?? 1, depthTest: !layer.trail });
        material.resolution.set(...size());
        const thing = new THREE.LineSegments2(geometry, material);
        thing.frustumCulled = false;
        things.add(thing); layers.push({ layer, thing, ends }); painted.push({ layer, material });
      } else if (layer.kind === "dots") {
        const dots = [];
        for (let i = 0; i < layer.points; i++) {
          const material = new THREE.MeshStandardMaterial({ roughness: 0.4 });
          const dot = new THREE.Mesh(new THREE.SphereGeometry(layer.size, 16, 12), material);
          things.add(dot); dots.push(dot); painted.push({ layer, material });
        }
        layers.push({ layer, dots });
      }
    }
    if (!described.some((layer) => layer.kind === "plane") && described.length) {
      const [, , distance, x, y] = model.get("view");
      const grid = new THREE.GridHelper(2 * distance, 20); // on z = 0
      grid.rotation.x = Math.PI / 2; grid.position.set(x, y, 0);
      things.add(grid); painted.push({ grid, material: grid.material });
    }
    tint();
  };
  const tint = () => {
    const dark = root.dataset.theme === "dark";
    renderer.setClearColor(colours.paper);
    for (const { layer, material, own, grid } of painted) {
      if (grid) { material.vertexColors = false; material.color.set(colours.faint); material.needsUpdate = true; }
      else if (own) { material.color.copy(own); if (layer.kind === "plane" && dark) material.color.multiplyScalar(0.07); }
      else material.color.set(colours[layer.color] ?? layer.color ?? colours.path);
    }
  };

  // The view is azimuth and elevation (degrees), distance (m), and the point looked at, as in MuJoCo.
  const look = () => {
    const [azimuth, elevation, distance, x, y, z] = model.get("view"), a = (azimuth * Math.PI) / 180, e = (elevation * Math.PI) / 180;
    orbit.target.set(x, y, z);
    camera.position.set(x - distance * Math.cos(a) * Math.cos(e), y - distance * Math.sin(a) * Math.cos(e), z - distance * Math.sin(e));
    camera.near = distance / 100; camera.far = distance * 30;
    camera.updateProjectionMatrix(); orbit.update();
  };
  const looked = () => {
    const d = camera.position.clone().sub(orbit.target), distance = d.length();
    const view = [(Math.atan2(-d.y, -d.x) * 180) / Math.PI, (-Math.asin(d.z / distance) * 180) / Math.PI, distance, ...orbit.target.toArray()];
    model.set("view", view); model.save_changes();
  };
  const draw = () => {
    sun.position.copy(camera.position).add(new THREE.Vector3(0.6, -0.3, 1.4)); sun.target.position.copy(orbit.target);
    renderer.render(scene, camera);
    canvas.frames = (canvas.frames ?? 0) + 1;
  };
  const p = new THREE.Quaternion(), q = new THREE.Quaternion();
  const paint = (t) => {
    const [frame, part] = frameAt(t);
    if (poses) {
      const moving = poses.frames > 1, row = 7 * poses.bodies, at = poses.at + (moving ? frame * row : 0);
      bodies.forEach((body, i) => {
        const k = at + 7 * i, n = moving && part ? k + row : k;
        body.position.set(...[0, 1, 2].map((j) => numbers[k + j] + part * (numbers[n + j] - numbers[k + j])));
        p.set(numbers[k + 4], numbers[k + 5], numbers[k + 6], numbers[k + 3]);
        q.set(numbers[n + 4], numbers[n + 5], numbers[n + 6], numbers[n + 3]);
        body.quaternion.copy(p.slerp(q, part));
      });
    }
    for (const { layer, thing, ends, dots } of layers) {
      if (dots) {
        const row = 3 * layer.points, at = layer.at + (layer.frames ? frame * row : 0), next = layer.frames && part ? at + row : at;
        dots.forEach((dot, i) => {
          dot.position.set(...[0, 1, 2].map((j) => numbers[at + 3 * i + j] + part * (numbers[next + 3 * i + j] - numbers[at + 3 * i + j])));
          dot.visible = Number.isFinite(dot.position.x);
        });
      } else if (layer.trail) {
        thing.geometry.instanceCount = ends[Math.min(Math.round(frame + part), ends.length - 1)];
        thing.visible = thing.geometry.instanceCount > 0;
      }
    }
    draw();
  };

  const time = makeClock(model, range, paint);
  const repaint = () => time.show();
  orbit.addEventListener("change", () => { if (!model.get("playing")) draw(); });
  orbit.addEventListener("end", looked);
  const turn = (azimuth, elevation, zoom = 1) => {
    const view = [...model.get("view")];
    view[0] += azimuth; view[1] = Math.min(Math.max(view[1] + elevation, -89), 89); view[2] *= zoom;
    model.set("view", view); model.save_changes();
  };
  const TURNS = { a: [8, 0], d: [-8, 0], w: [0, -6], s: [0, 6], "+": [0, 0, 0.85], "-": [0, 0, 1 / 0.85] };
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = TURNS[event.key];
    if (by) { turn(...by); event.preventDefault(); } else if (model.get("controls")) time.key(event);
  });
  canvas.addEventListener("pointerdown", () => stage.focus({ preventScroll: true }));

  let waiting = false;
  const onData = () => { // layers and data come together: built once
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; build(); repaint(); });
  };
  const onView = () => { look(); draw(); };
  const onLook = () => {
    const [w, h] = size();
    renderer.setPixelRatio(Math.min(devicePixelRatio || 1, 2)); renderer.setSize(w, h);
    stage.style.width = `${w}px`; stage.style.height = `${h}px`;
    camera.aspect = w / h; camera.updateProjectionMatrix();
    for (const { material } of painted) material.resolution?.set(w, h);
    stage.setAttribute("aria-label", model.get("label"));
    time.bar.remove();
    if (model.get("controls")) root.append(time.bar);
    time.bar.style.maxWidth = `${w}px`;
    repaint();
  };
  const handlers = { "change:data": onData, "change:layers": onData, "change:view": onView };
  for (const name of ["width", "height", "controls", "label"]) handlers[`change:${name}`] = onLook;
  for (const [name, handler] of Object.entries(handlers)) model.on(name, handler);
  build(); look(); onLook();
  const stopTheme = followTheme(root, (now) => { colours = now; tint(); repaint(); });
  return () => {
    stopTheme(); time.stop(); orbit.dispose(); dispose(); renderer.dispose(); renderer.forceContextLoss();
    for (const [name, handler] of Object.entries(handlers)) model.off(name, handler);
  };
}
export default { render };
