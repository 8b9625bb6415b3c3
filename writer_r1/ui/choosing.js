// Two texts of one piece -> the one that the user wants to stand here, "mine" or "theirs"; what becomes of the other is
// for guard.js, which asks.
window.studio.between = (mine, theirs, words) =>
  new Promise((chosen) => {
    const dialog = document.createElement("dialog");
    dialog.className = "asking choice";
    dialog.innerHTML = `<h2></h2><p>Both texts are safe. Which one shall stand here? The other is kept.</p>
      <div class="two"><section><h3>Typed here</h3><pre dir="auto"></pre></section>
      <section><h3>Saved there</h3><pre dir="auto"></pre></section></div>
      <footer><button data-choice="mine" class="main">Keep what I typed here</button>
      <button data-choice="theirs">Take the other, keep mine as a copy</button></footer>`;
    dialog.querySelector("h2").textContent = words;
    const [a, b] = dialog.querySelectorAll("pre");
    a.textContent = [mine.brief, mine.text].filter(Boolean).join("\n\n");
    b.textContent = [theirs.brief, theirs.text].filter(Boolean).join("\n\n");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("click", (event) => {
      const choice = event.target.dataset?.choice;
      if (!choice) return;
      dialog.remove();
      chosen(choice);
    });
    (document.querySelector(".gradio-container") ?? document.body).append(dialog);
    dialog.showModal();
  });
