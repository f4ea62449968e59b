// What a view has to say: a line of status, and a red panel when something went wrong.

function render({ model, el }) {
  const status = make("div", { class: "ido-status", role: "status" });
  const title = make("b", {}, "This did not work. ");
  const message = make("span");
  const details = make("details", {}, make("summary", {}, "Where it came from"));
  const trace = make("pre");
  details.append(trace);
  const panel = make("div", { class: "ido-error", role: "alert" }, title, message, details);
  const paint = () => {
    status.textContent = model.get("status");
    status.classList.toggle("ido-busy", model.get("busy"));
    panel.hidden = !model.get("error");
    message.textContent = model.get("error");
    trace.textContent = model.get("details");
    details.hidden = !model.get("details");
  };
  const names = ["status", "busy", "error", "details"].map((name) => `change:${name}`);
  for (const name of names) model.on(name, paint);
  el.append(make("div", { class: "ido" }, status, panel));
  paint();
  if (!model.get("shown")) { model.set("shown", true); model.save_changes(); }
  return () => { for (const name of names) model.off(name, paint); };
}
export default { render };
