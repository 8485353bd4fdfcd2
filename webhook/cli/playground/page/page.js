// What stands on the page goes to this machine's loghook, and its answer is shown. Nothing here is ever HTML of a text:
// every text becomes a node of its own.

const FOLDED = 12; // a block of text that is longer is shown when it is asked for
const QUIET = 400; // milliseconds without a key after which the address gets what stands on the page

const byId = (id) => document.getElementById(id);
const [manifest, config, namespace] = ["manifest", "config", "namespace"].map(byId);

let terms = new Map();
let asked = 0; // keys so far
let isAsking = false;

// Small things.

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function tell(text) {
  byId("told").textContent = text;
}

// Asking.

function stands() {
  return { manifest: manifest.value, config: config.value, namespace: namespace.value.trim() };
}

/** Ask until what stands on the page is what was answered: one question at a time, always about the newest text. */
async function ask() {
  asked += 1;
  document.body.ariaBusy = "true";
  if (isAsking) return;
  isAsking = true;
  try {
    for (let about = 0; about !== asked; ) {
      about = asked;
      show(await answered(stands()));
    }
    document.body.ariaBusy = "false";
  } finally {
    isAsking = false;
  }
}

async function answered(question) {
  try {
    const response = await fetch("answer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
    });
    const found = await response.json();
    tell(response.ok ? "" : found.problem);
    return response.ok ? found : null;
  } catch {
    tell("The playground has ended. Start `loghook playground` again, and type on.");
    return null;
  }
}

// Showing.

function show(answer) {
  if (!answer) return;
  showFindings(answer.findings);
  showGutter(answer.findings);
  byId("config-problem").textContent = answer.config_problem;
  byId("verdicts").replaceChildren(...answer.verdicts.map((text) => element("li", {}, text)));
  byId("difference").replaceChildren(...rows(answer.lines.map((line) => ({ mark: line[0], text: line.slice(1) }))));
  byId("agents").replaceChildren(...agents(answer.agents));
}

function showFindings(findings) {
  const count = (severity, word) => {
    const number = findings.filter((each) => each.severity === severity).length;
    return number ? [`${number} ${word}${number === 1 ? "" : "s"}`] : [];
  };
  const summary = [...count("error", "error"), ...count("warning", "warning")].join(", ");
  const text = summary || (manifest.value.trim() ? "Nothing is wrong." : "Write a manifest, or choose an example.");
  if (byId("summary").textContent !== text) byId("summary").textContent = text;
  byId("findings").replaceChildren(
    ...findings.map((each) => {
      const place = each.line ? `Line ${each.line}: ` : "";
      const button = element("button", { type: "button", class: each.severity }, element("b", {}, each.severity), ` ${place}${each.code} ${each.message}`);
      button.addEventListener("click", () => goTo(each.line, each.column));
      return element("li", {}, button);
    }),
  );
}

function showGutter(findings) {
  const severities = new Map();
  for (const each of findings) if (severities.get(each.line) !== "error") severities.set(each.line, each.severity);
  const count = manifest.value.split("\n").length;
  const lines = Array.from({ length: count }, (_, at) => element("li", { class: severities.get(at + 1) ?? "" }, String(at + 1)));
  byId("gutter").replaceChildren(...lines);
  follow();
}

function follow() {
  byId("gutter").scrollTop = manifest.scrollTop;
}

function goTo(line, column) {
  if (!line) return;
  const before = manifest.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  const end = manifest.value.indexOf("\n", before);
  manifest.focus();
  manifest.setSelectionRange(before + column - 1, end < 0 ? manifest.value.length : end);
  manifest.scrollTop = Math.max(0, (line - 8) * Number.parseFloat(getComputedStyle(manifest).lineHeight));
  explain();
}

function row({ mark, text }) {
  return element({ "+": "ins", "-": "del" }[mark] ?? "span", { class: "row" }, text || " ");
}

/** The lines of the difference, with what is long in a block of text folded. */
function rows(lines) {
  const shown = [];
  for (let at = 0; at < lines.length; ) {
    shown.push(row(lines[at]));
    const end = blockEnd(lines, at);
    at += 1;
    if (end - at > FOLDED) {
      shown.push(element("details", {}, element("summary", {}, `${end - at} lines`), ...lines.slice(at, end).map(row)));
      at = end;
    }
  }
  return shown;
}

/** Behind the block of text that the line `at` begins, if it is one that was added. */
function blockEnd(lines, at) {
  if (lines[at].mark !== "+" || !/[|>][-+0-9]*$/.test(lines[at].text)) return at;
  const indent = (text) => text.search(/\S|$/);
  const own = indent(lines[at].text);
  let end = at + 1;
  while (end < lines.length && lines[end].mark === "+" && (!lines[end].text.trim() || indent(lines[end].text) > own)) end += 1;
  return end;
}

function agents(found) {
  if (!found.length) return [element("p", {}, "No agent: nothing here names a destination.")];
  return found.flatMap((each) => [element("h2", {}, `${each.object}: ${each.name}`), element("pre", {}, each.text)]);
}

// The reference.

function explain() {
  const text = manifest.value;
  const at = manifest.selectionStart;
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1).split("\n", 1)[0];
  const found = /loghook\.dev\/([\w.-]+)["']?\s*:\s*["']?([\w-]*)/.exec(line);
  const key = found && terms.get(`key ${found[1].split(".").pop()}`);
  const value = found && ["format", "destination", "agent"].map((kind) => terms.get(`${kind} ${found[2]}`)).find(Boolean);
  const hint = "Put the cursor into a line with an annotation of loghook to read about its key.";
  const unknown = found ? `There is no key ${found[1]}.` : hint;
  const shown = [key, value].filter(Boolean).flatMap(explained);
  byId("reference").replaceChildren(...(shown.length ? shown : [element("p", {}, unknown)]));
}

function explained(term) {
  const title = term.kind === "key" ? `loghook.dev/${term.name}` : `${term.name} (${term.kind})`;
  return [element("h3", {}, title), ...term.text.split("\n\n").map(paragraph)];
}

function paragraph(text) {
  if (text.startsWith("    ")) return element("pre", {}, text.replace(/^ {4}/gm, ""));
  const pieces = text.split("`").map((piece, at) => (at % 2 ? element("code", {}, piece) : piece));
  return element("p", {}, ...pieces);
}

// The address: all that stands on the page, compressed, behind the #, which no browser sends to a server.

async function through(bytes, stream) {
  const read = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(read).arrayBuffer());
}

async function packed(value) {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(value)), new CompressionStream("deflate-raw"));
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw"))));
}

let waiting = 0;

function address() {
  clearTimeout(waiting);
  waiting = setTimeout(write, QUIET);
}

async function write() {
  clearTimeout(waiting);
  history.replaceState(null, "", `#${await packed(stands())}`);
}

async function copy() {
  await write();
  try {
    await navigator.clipboard.writeText(location.href);
    tell("The link is in the clipboard.");
  } catch {
    tell("The address of this page is the link: copy it there.");
  }
}

function put(found) {
  manifest.value = found.manifest ?? "";
  config.value = found.config ?? "";
  namespace.value = found.namespace ?? "";
  byId("more").open = Boolean(config.value);
  manifest.setSelectionRange(0, 0);
  manifest.scrollTop = 0;
  explain();
  return ask();
}

// Tabs, as the pattern of the ARIA practices has them: arrows move, one of them is in the order of Tab.

function choose(tab) {
  for (const each of document.querySelectorAll("[role=tab]")) {
    const isChosen = each === tab;
    each.ariaSelected = String(isChosen);
    each.tabIndex = isChosen ? 0 : -1;
    byId(each.getAttribute("aria-controls")).hidden = !isChosen;
  }
}

function move(event) {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
  choose(next);
  next.focus();
}

// The beginning.

async function begin() {
  const [examples, found] = await Promise.all(["examples", "terms"].map(async (name) => (await fetch(name)).json()));
  terms = new Map(found.map((term) => [`${term.kind} ${term.name}`, term]));
  const select = byId("example");
  select.append(...examples.map((each, at) => element("option", { value: String(at) }, each.title)));
  select.addEventListener("change", () => {
    if (select.value) put(examples[Number(select.value)]).then(address);
  });
  for (const each of [manifest, config, namespace]) {
    each.addEventListener("input", () => {
      ask();
      address();
    });
  }
  manifest.addEventListener("scroll", follow);
  for (const event of ["keyup", "click", "input"]) manifest.addEventListener(event, explain);
  for (const tab of document.querySelectorAll("[role=tab]")) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", move);
  }
  byId("link").addEventListener("click", copy);
  addEventListener("hashchange", () => open(examples[0]));
  await open(examples[0]);
}

/** Show what the address holds, or the first example. */
async function open(first) {
  try {
    await put(location.hash.length > 1 ? await unpacked(location.hash.slice(1)) : first);
  } catch {
    await put(first);
    tell("The link is damaged: this is an example.");
  }
}

begin();
