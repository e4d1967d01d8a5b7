/* Rows of list and dictionary widgets: add, remove, up, down. The order of the rows in
   the page is the order of the values, so nothing is renumbered. */
(function () {
  "use strict";
  // The names in a template are those of the page as it was made. Django's inlines rename
  // the inputs outside of templates.
  function nameOf(rows) {
    return rows.querySelector(":scope > input").name.replace(/-rows$/, "");
  }

  function newKey(rows) {
    const keys = new Set(
      Array.from(
        rows.querySelectorAll(":scope > .nonrel-items > .nonrel-row > input"),
        (input) => input.value
      )
    );
    let number = 1;
    while (keys.has("new" + number)) {
      number += 1;
    }
    return "new" + number;
  }

  function add(rows) {
    const html = rows
      .querySelector(":scope > template")
      .innerHTML.replaceAll(rows.dataset.name, nameOf(rows))
      .replaceAll(rows.dataset.placeholder, newKey(rows));
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
