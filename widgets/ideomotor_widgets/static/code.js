// Text to take away: shown as it is, copied with one press.

function render({ model, el }) {
  const code = make("pre", { class: "ido-code", tabindex: 0 });
  const button = make("button", { class: "ido-button ido-copy", type: "button" }, "Copy");
  const copy = async () => {
    try { await navigator.clipboard.writeText(code.innerText); button.textContent = "Copied"; }
    catch {
      // No clipboard without https: the text is selected, and Ctrl-C copies it.
      const range = document.createRange(); range.selectNodeContents(code);
      getSelection().removeAllRanges(); getSelection().addRange(range);
      button.textContent = "Press Ctrl-C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  };
  button.addEventListener("click", copy);
  const apply = make("button", { class: "ido-button ido-apply", type: "button", title: "use what is written (Ctrl-Enter)", hidden: true }, "Apply");
  const send = () => { model.set("edited", [code.innerText.replace(/\u00a0/g, " "), Date.now()]); model.save_changes(); apply.hidden = true; };
  apply.addEventListener("click", send);
  if (model.get("editable")) {
    code.contentEditable = "plaintext-only"; code.spellcheck = false; code.setAttribute("role", "textbox");
    code.setAttribute("aria-multiline", "true");
    code.addEventListener("input", () => { apply.hidden = false; });
    code.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
      event.stopPropagation();
    });
  }
  const paint = () => { code.textContent = model.get("text"); code.setAttribute("aria-label", model.get("label")); };
  model.on("change:text", paint); model.on("change:label", paint);
  el.append(make("div", { class: "ido ido-code-box" }, make("div", { class: "ido-code-buttons" }, apply, button), code));
  paint();
  return () => { model.off("change:text", paint); model.off("change:label", paint); };
}
export default { render };
