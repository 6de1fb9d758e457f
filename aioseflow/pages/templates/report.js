(() => {
  "use strict";
  const holder = document.getElementById("data");
  const table = document.getElementById("vms");
  if (!table) {
    document.documentElement.dataset.ready = "1";
    return;
  }
  const data = JSON.parse(holder.textContent);
  const total = data.id.length;
  const KINDS = ["CPU", "Network", "Disk"];
  const ABSENT = -1;
  const PRINTED = 1000;
  const body = table.tBodies[0];
  const matching = document.getElementById("matches");
  const filter = document.getElementById("filter");
  const size = document.getElementById("size");
  const where = document.getElementById("where");
  const before = document.getElementById("before");
  const after = document.getElementById("after");
  const heads = [...table.tHead.querySelectorAll("th")];
  const columns = heads.map((head) => head.dataset.column);
  const accounts = new Set(data.places.map((place) => place[0])).size > 1;
  const state = { column: "status", down: false, text: "", statuses: new Set(), page: 0 };
  const opened = new Set();
  let found = [];

  const number = (value) => value.toLocaleString("en-US");
  const words = (status) => (status === "pending" ? "no outcome yet" : status.replaceAll("_", " "));
  const vms = (value) => (value === 1 ? "1 VM" : `${number(value)} VMs`);
  const nameOf = (row) => data.label[row] || `${data.places[data.place[row]][1]}/${data.id[row]}`;

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  // Long names break where people read a break.
  function named(text) {
    const made = element("span", "name");
    for (const part of text.split(/(?<=[.,_-])/)) made.append(part, document.createElement("wbr"));
    made.lastChild?.remove();
    return made;
  }

  function drawing(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const icon = (status) =>
    drawing(
      "svg",
      { class: `icon ${status}`, "aria-hidden": "true", width: 16, height: 16 },
      drawing("use", { href: `#icon-${status}` }),
    );

  function moment(row) {
    if (data.ended[row] === null) return "";
    return new Date((data.started + data.ended[row]) * 1000).toISOString().replace("T", " ").slice(0, 19);
  }

  // Finding and sorting: everything is a number by now, so that 10,000 rows take milliseconds.

  let haystacks = null;
  function haystack() {
    haystacks ??= data.id.map((id, row) =>
      [
        data.label[row], id, ...data.places[data.place[row]], data.causes[data.cause[row]],
        data.errors[data.error[row]], data.powers[data.power[row]],
      ].join("\n").toLowerCase(),
    );
    return haystacks;
  }

  function find() {
    const wanted = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = wanted.length ? haystack() : null;
    found = [];
    for (let row = 0; row < total; row += 1) {
      if (state.statuses.size && !state.statuses.has(data.statuses[data.status[row]])) continue;
      if (texts && !wanted.every((word) => texts[row].includes(word))) continue;
      found.push(row);
    }
    const key = state.column === "label" ? null : data[state.column];
    const sign = state.down ? -1 : 1;
    found.sort((one, other) => {
      if (key === null) return sign * (ranks()[one] - ranks()[other]);
      const [left, right] = [key[one], key[other]];
      if (left === right) return one - other;
      // What has no value is last in both directions.
      if (left === null || right === null) return left === null ? 1 : -1;
      return sign * (left - right);
    });
  }

  let byName = null;
  function ranks() {
    if (!byName) {
      const order = new Intl.Collator("en", { numeric: true });
      const sorted = data.id.map((_, row) => row);
      const names = sorted.map(nameOf);
      sorted.sort((one, other) => order.compare(names[one], names[other]) || one - other);
      byName = new Array(total);
      sorted.forEach((row, rank) => { byName[row] = rank; });
    }
    return byName;
  }

  // Rows.

  const code = (text) => (text ? element("code", "", text) : "");
  const cells = {
    place: (row) => {
      const [account, , service] = data.places[data.place[row]];
      const parts = [named(service)];
      if (accounts) parts.push(element("span", "muted", account));
      return parts;
    },
    status: (row) => {
      const status = data.statuses[data.status[row]];
      return [icon(status), element("span", "word", words(status)), element("span", "below", code(data.causes[data.cause[row]]))];
    },
    cause: (row) => [code(data.causes[data.cause[row]])],
    power: (row) => [data.powers[data.power[row]]],
    seconds: (row) => [data.seconds[row] === null ? "" : `${data.seconds[row].toFixed(1)} s`],
    ended: (row) => [moment(row).slice(11)],
    attempts: (row) => [String(data.attempts[row])],
  };

  function line(row) {
    const made = element("tr");
    made.dataset.vm = row;
    for (const column of columns) {
      const cell = element(column === "label" ? "th" : "td", `column-${column}`);
      if (column === "label") {
        cell.scope = "row";
        const button = element(
          "button", "open",
          drawing("svg", { class: "chevron", "aria-hidden": "true", width: 10, height: 10 }, drawing("path", { d: "M3 1l4 4-4 4" })),
          named(nameOf(row)),
        );
        button.type = "button";
        button.setAttribute("aria-expanded", "false");
        cell.append(button, element("span", "below", data.places[data.place[row]][2]));
      } else {
        cell.append(...cells[column](row));
      }
      made.append(cell);
    }
    return made;
  }

  // Of how many columns the table is: a cell across columns that a narrow page hides would make new ones.
  let width = columns.length;
  function measure(printing) {
    const hidden = (head) => getComputedStyle(head).display === "none";
    const visible = heads.filter((head) => (printing ? head.dataset.column !== "attempts" : !hidden(head)));
    width = visible.length;
    for (const cell of body.querySelectorAll(".details > td")) cell.colSpan = width;
  }

  function details(row) {
    const [account, service, name] = data.places[data.place[row]];
    const facts = [
      ["VM", data.id[row]],
      ["Service", name === service ? service : `${name} (${service})`],
      ["Account", account],
      ["Outcome", words(data.statuses[data.status[row]]) + (data.verified[row] ? ", read back" : "")],
      ["Step", data.steps.length ? data.steps[row] : ""],
      ["Cause", data.causes[data.cause[row]]],
      ["Error", data.errors[data.error[row]]],
      ["Power", data.powers[data.power[row]]],
      ["Took", data.seconds[row] === null ? "" : `${data.seconds[row].toFixed(1)} s`],
      ["Finished", moment(row) && `${moment(row)} UTC`],
      ["Requests sent", String(data.attempts[row])],
    ];
    const list = element("dl", "facts");
    for (const [term, value] of facts) {
      if (value) list.append(element("div", "", element("dt", "", term), element("dd", "", value)));
    }
    const cell = element("td", "", list);
    cell.colSpan = width;
    if (data.usage.length && data.usage[row].length) cell.append(graphs(row));
    const made = element("tr", "details", cell);
    made.id = `details-${row}`;
    return made;
  }

  // Usage fragments: the provider's HTML, never part of this document.

  function graphs(row) {
    const made = element("div", "graphs");
    data.usage[row].forEach((fragment, place) => {
      const figure = element("figure", "graph", element("figcaption", "", `${KINDS[place]} usage`));
      const slot = element("div", "slot");
      figure.append(slot);
      made.append(figure);
      if (fragment < 0) {
        slot.append(element("p", "missing", fragment === ABSENT ? "none was sent" : "left out: it is longer than a megabyte"));
        return;
      }
      unpacked(fragment).then(
        (html) => slot.append(frame(html, `${KINDS[place]} usage of ${nameOf(row)}`)),
        () => slot.append(element("p", "missing", "This browser cannot unpack it; a newer one can.")),
      );
    });
    return made;
  }

  const chunks = new Map();
  const parsed = new Promise((resolve) => {
    if (document.readyState !== "loading") resolve();
    else document.addEventListener("DOMContentLoaded", resolve);
  });

  async function unpacked(fragment) {
    let chunk = data.starts.length - 1;
    while (data.starts[chunk] > fragment) chunk -= 1;
    if (!chunks.has(chunk)) chunks.set(chunk, unpack(chunk));
    return (await chunks.get(chunk))[fragment - data.starts[chunk]];
  }

  async function unpack(chunk) {
    await parsed;
    const packed = atob(document.getElementById(`chunk-${chunk}`).textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  const BANNED = "script, link, meta, base, iframe, frame, frameset, object, embed, portal, fencedframe, noscript, noembed, noframes, xmp, plaintext, template, map";
  const HEAD = `<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><style>:root{color-scheme:light;background:#fff;color:#1b2430}body{margin:12px;font:14px/1.45 system-ui,sans-serif}img,svg{max-width:100%}</style>`;

  const animatesLink = (one) => (one.getAttribute("attributeName") ?? "").toLowerCase().endsWith("href");
  const leadsAway = (attribute) => attribute.localName === "href" && !/^(#|data:image\/)/.test(attribute.value);

  // Take out of a parsed fragment what names other documents; whether there was anything.
  function calmed(page) {
    const banned = [...page.querySelectorAll(BANNED)].filter((one) => !(one.localName === "meta" && one.parentNode === page.head));
    const links = [...page.querySelectorAll("a")];
    const animations = [...page.querySelectorAll("set, animate")].filter(animatesLink);
    for (const one of [...banned, ...animations]) one.remove();
    for (const one of links) one.replaceWith(...one.childNodes);
    let found = banned.length + links.length + animations.length > 0;
    for (const one of page.querySelectorAll("[*|href]")) {
      for (const attribute of [...one.attributes].filter(leadsAway)) {
        one.removeAttributeNode(attribute);
        found = true;
      }
    }
    return found;
  }

  // The frame's sandbox and policy are what holds a fragment. No policy covers connections that a browser
  // opens beforehand, for <link rel=preconnect> or a link that is pressed, so these are taken out first; and
  // what is written is read once more as the frame will read it, because markup can change its meaning then.
  function harmless(html) {
    let text = html;
    for (let round = 0; round < 5; round += 1) {
      const source = `<!DOCTYPE html>${HEAD}<body>${text}`;
      const page = new DOMParser().parseFromString(source, "text/html");
      if (!calmed(page) && page.head.querySelectorAll("meta").length === 2) return source;
      text = page.body ? page.body.innerHTML : "";
    }
    return null;
  }

  function frame(html, title) {
    const source = harmless(html);
    if (source === null) return element("p", "missing", "It cannot be shown safely.");
    const made = element("iframe");
    made.setAttribute("sandbox", "");
    made.referrerPolicy = "no-referrer";
    made.title = title;
    made.srcdoc = source;
    return made;
  }

  function toggle(row, button) {
    const line = button.closest("tr");
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    if (open) {
      opened.add(row);
      line.after(details(row));
      button.setAttribute("aria-controls", `details-${row}`);
    } else {
      opened.delete(row);
      line.nextElementSibling.remove();
      button.removeAttribute("aria-controls");
    }
  }

  // The page of the table.

  function show(first, count) {
    const made = found.slice(first, first + count).map(line);
    body.replaceChildren(...made);
    for (const one of made) {
      if (opened.has(Number(one.dataset.vm))) toggle(Number(one.dataset.vm), one.querySelector(".open"));
    }
  }

  function refresh() {
    const each = Number(size.value);
    const pages = Math.max(1, Math.ceil(found.length / each));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * each;
    show(first, each);
    where.textContent = found.length
      ? `${number(first + 1)} to ${number(Math.min(first + each, found.length))} of ${number(found.length)}`
      : "none";
    before.disabled = state.page === 0;
    after.disabled = state.page >= pages - 1;
    matching.textContent =
      found.length === total ? vms(total) : `${number(found.length)} of ${vms(total)} ${found.length === 1 ? "matches" : "match"}`;
  }

  function search() {
    opened.clear();
    state.page = 0;
    find();
    refresh();
  }

  for (const head of heads) {
    const button = head.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => {
      state.down = state.column === head.dataset.column && !state.down;
      state.column = head.dataset.column;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      search();
    });
  }
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => {
      const status = chip.dataset.status;
      const on = !state.statuses.delete(status);
      if (on) state.statuses.add(status);
      chip.setAttribute("aria-pressed", String(on));
      search();
    });
  }
  filter.addEventListener("input", () => { state.text = filter.value; search(); });
  size.addEventListener("change", () => { state.page = 0; refresh(); });
  const turn = (step) => {
    state.page += step;
    opened.clear();
    refresh();
    table.scrollIntoView({ block: "start" });
  };
  before.addEventListener("click", () => turn(-1));
  after.addEventListener("click", () => turn(1));
  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr[data-vm]");
    if (line) toggle(Number(line.dataset.vm), line.querySelector(".open"));
  });
  window.addEventListener("beforeprint", () => { measure(true); show(0, PRINTED); });
  window.addEventListener("afterprint", () => { measure(false); refresh(); });
  window.addEventListener("resize", () => measure(false));
  measure(false);
  find();
  refresh();
  performance.mark("ready");
  document.documentElement.dataset.ready = "1";
})();
