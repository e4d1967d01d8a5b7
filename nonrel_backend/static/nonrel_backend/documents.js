/* Rows of list and dictionary widgets: add, remove, up, down. The order of the rows in
   the page is the order of the values, so nothing is renumbered. */
(function () {
  "use strict";
  let added = 0;

  function add(rows) {
    added += 1;
    const html = rows
      .querySelector(":scope > template")
      .innerHTML.replaceAll(rows.dataset.placeholder, "new" + added);
    const fresh = document.createElement("template");
    fresh.innerHTML = html.trim();
    const row = fresh.content.firstElementChild;
    rows.querySelector(":scope > .nonrel-items").append(row);
    const input = row.querySelector(
      "input:not([type=hidden]), textarea, select"
    );
    if (input) {
      input.focus();
    }
  }

  const actions = {
    add: (button) => add(button.closest(".nonrel-rows")),
    remove: (button) => button.closest(".nonrel-row").remove(),
    up: (button) => {
      const row = button.closest(".nonrel-row");
      if (row.previousElementSibling) {
        row.previousElementSibling.before(row);
        button.focus();
      }
    },
    down: (button) => {
      const row = button.closest(".nonrel-row");
      if (row.nextElementSibling) {
        row.nextElementSibling.after(row);
        button.focus();
      }
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-nonrel]");
    if (button) {
      event.preventDefault();
      actions[button.dataset.nonrel](button);
    }
  });
})();
