// Shows the plugins of a kind, of a task, or with some words. The address keeps the choice: index.html?task=ctc

const form = document.querySelector("form.directory");
const rows = [...form.parentElement.querySelector("table").tBodies[0].rows].map((row) => ({
  row,
  kind: row.cells[2].textContent.split(", "),
  task: [...row.cells[4].querySelectorAll("code")].map((code) => code.textContent),
  words: row.textContent.toLowerCase(),
}));

function show() {
  const { kind, task, words } = Object.fromEntries(new FormData(form));
  const wanted = words.toLowerCase().split(/\s+/);
  let count = 0;
  for (const each of rows) {
    const fits =
      (!kind || each.kind.includes(kind)) &&
      (!task || each.task.includes(task)) &&
      wanted.every((word) => each.words.includes(word));
    each.row.hidden = !fits;
    count += fits;
  }
  form.querySelector("output").textContent = `${count} of ${rows.length}`;
}

for (const [name, value] of new URLSearchParams(location.search)) {
  if (form.elements[name]) form.elements[name].value = value;
}
form.addEventListener("input", () => {
  const chosen = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", chosen.length ? `?${new URLSearchParams(chosen)}` : location.pathname);
  show();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
show();
