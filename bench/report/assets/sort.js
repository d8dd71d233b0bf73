// A click on the head of a column sorts the rows of its table by it, another click the other way round, and a third brings back
// the order of the page. Where the heads have no room, on a phone, a list above the table does the same. What has no figure stays
// last, whichever way. Without this script the table says the same.
(function () {
  "use strict";
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], before = [...body.rows];
    const value = (row, i) => row.cells[i].dataset.sort === undefined ? NaN : Number(row.cells[i].dataset.sort);
    const sortable = heads.map((_, i) => before.some(row => row.cells[i].dataset.sort !== undefined));
    const names = heads.map(head => head.textContent.trim());
    const label = document.createElement("label"), list = document.createElement("select");
    function sort(column, direction) {
      const rows = [...before];
      if (direction) {
        rows.sort((a, b) => {
          const x = value(a, column), y = value(b, column);
          if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
          return direction * (x - y);
        });
      }
      body.append(...rows);
      heads.forEach((head, i) => {
        if (direction && i === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      list.value = direction ? column + " " + direction : "";
    }
    list.append(new Option("as on the page", ""));
    heads.forEach((head, i) => {
      if (!sortable[i]) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        sort(i, now === null ? 1 : now === "ascending" ? -1 : 0);
      });
      list.append(new Option(names[i] + " ▲", i + " 1"), new Option(names[i] + " ▼", i + " -1"));
    });
    if (list.length === 1) continue;
    list.addEventListener("change", () => {
      const [column, direction] = list.value.split(" ").map(Number);
      sort(column, direction || 0);
    });
    label.className = "sorter";
    label.append("Sorted by ", list);
    table.before(label);
  }
})();
