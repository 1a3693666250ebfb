// What the site does in the reader's browser, without a server: links to whole files, and ticks for chapters.

const page = !location.pathname.includes("/files/") && location.pathname.match(/\/(\d\d_\w+)\/(?:index\.html)?$/);

// The name above a listing leads to the whole file.
if (page) {
  for (const title of document.querySelectorAll("article .filename")) {
    const name = title.textContent;
    const heading = name.toLowerCase().replace(/[^\w-]/g, "");  // as Markdown names the heading
    const link = document.createElement("a");
    link.href = `../files/${page[1]}${name.startsWith("tests/") ? "-tests" : ""}/#${heading}`;
    link.title = "The whole file";
    link.append(...title.childNodes);
    title.append(link);
  }
}

// The chapters that the reader has ticked; in a private window they may be forgotten.
const KEY = "chapters-done";

function done() {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY)) || []);
  } catch {
    return new Set();
  }
}

function keep(chapters) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...chapters]));
  } catch { /* no storage: the tick lasts as long as the page */ }
}

function show(chapters) {
  for (const link of document.querySelectorAll("a.md-nav__link, .chapters td a")) {
    const chapter = link.href.match(/\/(\d\d_\w+)\/(?:index\.html)?$/);
    link.classList.toggle("chapter-done", Boolean(chapter && chapters.has(chapter[1])));
  }
}

if (page) {
  const label = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: done().has(page[1]) });
  label.className = "chapter-tick";
  label.append(box, " I have done this chapter");
  document.querySelector("article").append(label);
  box.addEventListener("change", () => {
    const chapters = done();
    box.checked ? chapters.add(page[1]) : chapters.delete(page[1]);
    keep(chapters);
    show(chapters);
  });
}
show(done());

// The theme's search is a dialog without a name.
document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
