// Use ComfyUI's front end as a person does. Called as: node browser.cjs JSON, with
// {browser, url, pictures, command, ...arguments of the command}; prints the command's result as JSON.
"use strict";
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");

const commands = {
  // Open a template by clicking, choose what its widgets show, run it, and wait for the player, or
  // for a complaint; tell what there is to see a moment later.
  async run_template(page, { pack, template, widgets, video }) {
    await page.evaluate(() => app.extensionManager.command.execute("Comfy.BrowseTemplates"));
    await page.getByText(pack).first().click();
    await page.getByRole("dialog").getByPlaceholder("Search").fill(template);
    const card = page.getByTestId(`template-workflow-${template}`);
    await card.locator("img").first().waitFor();
    await picture(page, "templates");
    await card.click();
    await page.waitForFunction(
      (type) => app.graph.nodes.some((node) => node.type === type), widgets[0].type);
    await page.evaluate(choose, widgets);
    await page.getByTestId("queue-button").click();
    await page.waitForFunction(look, video);
    await picture(page, "player");
    return { ...await page.evaluate(look, video), drawn: await page.evaluate(listDrawnNodes) };
  },

  // Drop a file in the middle of the page; tell which graph that gives.
  async drop(page, { file, type }) {
    await page.evaluate(() => app.graph.clear());
    const place = await page.evaluate(() => [innerWidth / 2, innerHeight / 2]);
    await page.evaluate(drop, [fs.readFileSync(file, "base64"), path.basename(file), type, ...place]);
    await page.waitForFunction(() => app.graph.nodes.length > 1);
    await picture(page, `dropped${path.extname(file)}`);
    const nodes = await page.evaluate(
      () => app.graph.nodes.map((node) => [String(node.id), node.type]));
    return { nodes, drawn: await page.evaluate(listDrawnNodes) };
  },

  // Run a workflow with RIFE Compare; tell which pictures it shows, and what would be sent next.
  async compare(page, { workflow, has_slider }) {
    await page.evaluate((workflow) => app.loadApiJson(workflow, "compare"), workflow);
    await page.getByTestId("queue-button").click();
    const shown = await page.waitForFunction((has_slider) => {
      const [node] = app.graph.nodes.filter((one) => one.type === "CompareClipsRIFE");
      const own = node.widgets.find((one) => one.name === "rife_slider");
      const pictures = [...(has_slider
        ? document.querySelectorAll(`[data-node-id="${node.id}"] img`) : own.element.querySelectorAll("img"))];
      return pictures.length && pictures.every((one) => one.naturalWidth)
        ? pictures.map((one) => new URL(one.src).searchParams.get("filename")) : null;
    }, has_slider);
    await picture(page, "compared");
    const inputs = await page.evaluate(async () => {
      const sent = Object.values((await app.graphToPrompt()).output);
      return Object.keys(sent.find((node) => node.class_type === "CompareClipsRIFE").inputs);
    });
    return [await shown.jsonValue(), inputs];
  },

  // Tell what a loader and its list show; choose from the list; let a file come, and refresh; then load
  // a workflow that names the file.
  async list_models(page, { choice, from, file }) {
    await page.evaluate(() => {
      app.graph.clear();
      app.graph.add(LiteGraph.createNode("RIFELoadModel"));
    });
    await page.waitForTimeout(500); // until it has been drawn
    const show = () => page.evaluate(readWidget);
    const shown = { first: await show() };
    await page.mouse.click(...await page.evaluate(placeOfWidget));
    const entries = page.locator("[role=option], .litemenu-entry");
    await entries.first().waitFor();
    await picture(page, "models");
    shown.list = await entries.allInnerTexts();
    await entries.filter({ hasText: choice }).click();
    shown.value = await page.evaluate(() => app.graph.nodes[0].widgets[0].value);
    await page.evaluate(choose, [{ type: "RIFELoadModel", name: "model", value: "4.25" }]);
    fs.copyFileSync(from, file);
    await page.evaluate(
      () => app.extensionManager.command.execute("Comfy.RefreshNodeDefinitions"));
    await page.waitForTimeout(500); // Nodes 2.0 are drawn a little later
    shown.refreshed = await show();
    const workflow = await page.evaluate(() => app.graph.serialize());
    workflow.nodes[0].widgets_values[0] = path.basename(file);
    await page.evaluate((workflow) => app.loadGraphData(workflow), workflow);
    await page.waitForTimeout(1500); // missing models are complained of a little later
    await picture(page, "file");
    const complaints = await page.evaluate(
      () => document.body.innerText.match(/^.*(error|missing|issue).*$/gim));
    return { ...shown, loaded: await show(), complaints };
  },

  // Open the help page of each node; tell the widths of its pictures, 0 for one that did not load.
  async help(page, { titles }) {
    const shown = {};
    for (const [type, title] of Object.entries(titles)) {
      await page.evaluate((type) => {
        app.graph.clear();
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        app.canvas.selectNode(node);
        app.canvas.setDirty(true, true);
      }, type);
      const heading = page.getByRole("heading", { level: 1, name: title, exact: true });
      // The panel stays open, and shows what is selected.
      if (!Object.keys(shown).length) await page.getByTestId("info-button").click();
      await heading.waitFor();
      const pictures = heading.locator("..").locator("img");
      await pictures.first().waitFor();
      await page.waitForLoadState("networkidle");
      shown[type] = await pictures.evaluateAll((all) => all.map((one) => one.naturalWidth));
    }
    await picture(page, "help");
    return shown;
  },

  // From an empty canvas to a smooth clip. Drop a clip; then, in three actions, drag its output to an
  // empty place, click RIFESmooth in the menu that opens, and click Run. The model is what a machine
  // without a network has. Tells the size of the picture that the player of the result shows.
  async first_steps(page, { file, model, video }) {
    // What is wrong with the graph that the front end begins with is said a little later.
    await page.waitForTimeout(3000);
    await page.evaluate(() => app.extensionManager.command.execute("Comfy.NewBlankWorkflow"));
    await page.evaluate(() => app.graph.clear());
    await page.evaluate(drop, [fs.readFileSync(file, "base64"), path.basename(file), "video/mp4", 300, 250]);
    await page.waitForFunction(() => app.graph.nodes[0]?.widgets?.[0].value);
    await page.waitForTimeout(1500); // it grows when its clip is shown
    const [x, y] = await page.evaluate(() => {
      const [left, top] = app.graph.nodes[0].getConnectionPos(false, 0);
      const box = app.canvas.canvas.getBoundingClientRect();
      const { scale, offset } = app.canvas.ds;
      return [(left + offset[0]) * scale + box.left, (top + offset[1]) * scale + box.top];
    });
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 100, y + 60, { steps: 8 });
    await page.mouse.move(850, 300, { steps: 8 });
    await page.mouse.up(); // 1
    await page.getByText("RIFESmooth", { exact: true }).first().click(); // 2
    await page.waitForFunction(() => app.graph.nodes.some((node) => node.type === "RIFESmooth"));
    await page.evaluate(choose, [{ type: "RIFESmooth", name: "model", value: model }]);
    await page.getByTestId("queue-button").click(); // 3
    const seen = await page.waitForFunction(look, video);
    await picture(page, "first steps");
    return seen.jsonValue();
  },

  // Load a workflow in API form once for each of some nodes, bypass that node as Ctrl+B does, and tell
  // what the front end would send.
  async bypass(page, { workflows }) {
    const sent = {};
    for (const [id, workflow] of Object.entries(workflows)) {
      await page.evaluate((workflow) => app.loadApiJson(workflow, "bypass"), workflow);
      sent[id] = await page.evaluate(async () => {
        const node = app.graph.nodes.find((one) => String(one.id) === "out");
        app.canvas.selectNode(node);
        await app.extensionManager.command.execute("Comfy.Canvas.ToggleSelectedNodes.Bypass");
        return (await app.graphToPrompt()).output;
      });
    }
    return sent;
  },

  // Run a workflow once for each preset of its node "out"; tell what the node shows then, and what it
  // showed at its first live picture.
  async show_work(page, { workflow, presets }) {
    await page.evaluate((workflow) => app.loadApiJson(workflow, "work"), workflow);
    await page.evaluate(watchWork);
    const shown = {};
    let before = [];
    for (const preset of presets) {
      await page.evaluate(choose, [{ id: "out", name: "preset", value: preset }]);
      await page.getByTestId("queue-button").click();
      await page.waitForFunction(() => window.work.ended);
      // Something, and nothing of the run before.
      await page.waitForFunction((before) => {
        const { pictures, videos } = window.work.look();
        const files = [...pictures, ...videos];
        return files.length && !files.some((file) => before.includes(file));
      }, before);
      await picture(page, `made ${preset}`);
      shown[preset] = await page.evaluate(() => window.work.take());
      before = [...shown[preset].pictures, ...shown[preset].videos];
    }
    return shown;
  },

  // Queue a workflow that is refused; tell what the panel of errors says about some words.
  async refuse(page, { workflow, says }) {
    await page.evaluate((workflow) => app.loadApiJson(workflow, "refused"), workflow);
    await page.getByTestId("queue-button").click();
    const text = page.getByText(says).first(); // newer front ends say it at once, older ones in the panel
    const panel = page.getByText("See Error").first();
    await text.or(panel).first().waitFor();
    if (!(await text.isVisible())) await panel.click();
    await text.waitFor();
    await picture(page, "refused");
    return text.innerText();
  },

  // Add nodes as the search does; tell which inputs each shows, folded and unfolded, and how high the
  // node is, and whether what lies below it gets out of its way.
  async fold(page, { types }) {
    return page.evaluate(async (types) => {
      const found = {};
      const rest = () => new Promise((resolve) => setTimeout(resolve, 700));
      for (const type of types) {
        app.graph.clear();
        const [node, below] = [type, "PreviewImage"].map((one) => LiteGraph.createNode(one));
        node.pos = [100, 100];
        app.graph.add(node);
        await rest();
        below.pos = [100, 100 + node.size[1] + 60];
        app.graph.add(below);
        const look = () => ({
          inputs: node.widgets.filter((one) => node.showAdvanced || !one.advanced).map((one) => one.name),
          height: node.size[1],
          room: below.pos[1] - LiteGraph.NODE_TITLE_HEIGHT - node.pos[1] - node.size[1],
        });
        const folded = look();
        node.toggleAdvanced();
        await rest();
        found[type] = { folded, unfolded: look() };
      }
      return found;
    }, types);
  },

  // Type words into the search for nodes; tell the names that are listed for each, in order.
  async search(page, { words }) {
    const listed = {};
    await page.evaluate(() => app.graph.clear());
    const box = page.locator('input[placeholder*="Search" i], input[placeholder*="node" i]').last();
    for (let opened = false; !opened;) { // a double click that comes slowly is two
      await page.mouse.dblclick(700, 700);
      opened = await box.waitFor({ timeout: 3000 }).then(() => true, () => false);
    }
    for (const word of words) {
      await box.fill(word);
      await page.waitForTimeout(1000); // the list follows the typing
      await page.getByRole("option").first().waitFor();
      listed[word] = await page.getByRole("option").evaluateAll(
        (all) => all.map((one) => one.innerText.split("\n")[0].trim()));
    }
    await picture(page, "search");
    return listed;
  },

  // Load workflows; tell what the front end would send to the server for each.
  async convert(page, { files }) {
    const prompts = [];
    for (const file of files) {
      const workflow = JSON.parse(fs.readFileSync(file, "utf8"));
      await page.evaluate((workflow) => app.loadGraphData(workflow), workflow);
      prompts.push(await page.evaluate(async () => (await app.graphToPrompt()).output));
    }
    return prompts;
  },

  // Open each template with each clip, and run it; tell the boxes of its nodes and groups before and after.
  // `files` are the names that nodes load instead, by type: [of the first, of the second, ...].
  async lay_out(page, { templates, clips, files }) {
    await page.setViewportSize({ width: 2700, height: 1300 });
    await page.evaluate(() => {
      for (const event of ["execution_success", "execution_error"]) {
        app.api.addEventListener(event, ({ detail }) => { window.ended = { event, detail }; });
      }
    });
    const seen = [];
    for (const template of templates) {
      const workflow = JSON.parse(fs.readFileSync(template, "utf8"));
      delete workflow.extra.linearMode; // an app shows no nodes
      for (const clip of clips) {
        for (const [type, names] of Object.entries({ ...files, ...clip.files })) {
          const nodes = workflow.nodes.filter((node) => node.type === type);
          // What is loaded is the first value of each.
          nodes.forEach((node, index) => { node.widgets_values[0] = names[index % names.length]; });
        }
        const note = (when, boxes) => seen.push(
          { template: path.basename(template, ".json"), clip: clip.name, when, ...boxes });
        await page.evaluate(async (workflow) => {
          await fetch("/free", { method: "POST", body: JSON.stringify({ free_memory: true }) });
          window.ended = null;
          await app.loadGraphData(workflow);
          Object.assign(app.canvas.ds, { scale: 0.75, offset: [110, 250] }); // all nodes are in sight
          app.canvas.setDirty(true, true);
        }, workflow);
        note("opened", await settledBoxes(page));
        await page.evaluate(() => app.queuePrompt(0));
        const ended = await (await page.waitForFunction(() => window.ended)).jsonValue();
        if (ended.event !== "execution_success") throw new Error(JSON.stringify(ended.detail));
        note("run", await settledBoxes(page));
      }
    }
    return seen;
  },
};

// In the page: drop a file.
function drop([content, name, type, clientX, clientY]) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  const target = document.elementFromPoint(clientX, clientY);
  for (const event of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(
      new DragEvent(event, { dataTransfer, clientX, clientY, bubbles: true, cancelable: true }));
  }
}

// The boxes of all nodes and groups once they have been the same for a moment, and players have pictures.
async function settledBoxes(page) {
  let [last, since] = ["", 0];
  for (;;) {
    const { isLoaded, ...boxes } = await page.evaluate(readBoxes);
    const now = JSON.stringify(boxes);
    if (!isLoaded || now !== last) [last, since] = [now, Date.now()];
    else if (Date.now() - since > 700) return boxes;
    await page.waitForTimeout(100);
  }
}

// In the page: [title, left, top, width, height] of each node with its title, and of each group, in the
// graph's units. Nodes 2.0 are as large as their elements.
function readBoxes() {
  const { scale, offset } = app.canvas.ds;
  const canvas = app.canvas.canvas.getBoundingClientRect();
  const nodes = app.graph.nodes.map((node) => {
    const element = document.querySelector(`[data-node-id="${node.id}"]`);
    const box = element?.getBoundingClientRect();
    if (box) {
      return [node.title, (box.left - canvas.left) / scale - offset[0],
        (box.top - canvas.top) / scale - offset[1], box.width / scale, box.height / scale];
    }
    const [left, top] = node.pos; // its boundingRect is that of the last time it was drawn
    const [width, height] = node.size;
    const title = LiteGraph.NODE_TITLE_HEIGHT;
    return [node.title, left, top - title, width, height + title];
  });
  const groups = app.graph.groups.map((group) => [group.title, ...group.pos, ...group.size]);
  const round = ([title, ...box]) => [title, ...box.map(Math.round)];
  const players = [...document.querySelectorAll("video")];
  const isLoaded = players.every((one) => one.readyState >= HTMLMediaElement.HAVE_METADATA)
    && [...document.querySelectorAll("img")].every((one) => one.complete);
  return { nodes: nodes.map(round), groups: groups.map(round), isLoaded };
}

// In the page: set widgets, each by the nth node of a type.
function choose(widgets) {
  for (const { id, type, nth, name, value } of widgets) {
    const node = app.graph.nodes.filter((one) => (id ? String(one.id) === id : one.type === type))[nth ?? 0];
    const widget = node.widgets.find((one) => one.name === name);
    widget.value = value;
    widget.callback?.(value, app.canvas, node); // as a choice from the list does
  }
}

// In the page: what the first node shows of its first widget; undefined if it is not drawn yet.
function readWidget() {
  const [element] = document.querySelectorAll("[data-node-id] [role=combobox]");
  if (element) return element.innerText;
  const texts = [];
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
    texts.push(text);
    return fillText.call(this, text, ...rest);
  };
  app.canvas.draw(true, true);
  CanvasRenderingContext2D.prototype.fillText = fillText;
  return texts[texts.indexOf("model", texts.indexOf("model") + 1) + 1]; // the first is the output
}

// In the page: the middle of that widget.
function placeOfWidget() {
  const [element] = document.querySelectorAll("[data-node-id] [role=combobox]");
  const box = (element ?? app.canvas.canvas).getBoundingClientRect();
  if (element) return [box.left + box.width / 2, box.top + box.height / 2];
  const [node] = app.graph.nodes;
  const [x, y] = app.canvas.ds.convertOffsetToCanvas(
    [node.pos[0] + node.size[0] / 2, node.pos[1] + node.widgets[0].last_y + 10]);
  return [box.left + x, box.top + y];
}

// In the page: note what the node "out" shows during a run and after it.
function watchWork() {
  const node = () => app.graph.nodes.find((one) => String(one.id) === "out");
  const live = () => node().widgets.find((one) => one.name === "rife_live")?.element;
  const file = (one) => new URL(one.src).searchParams.get("filename");
  const inNode = (kind) => [...document.querySelectorAll(kind)].filter((one) =>
    one.src.includes("/view?") && file(one) && !file(one).startsWith("source"));
  const work = {
    line: () => node().widgets.find((one) => one.name.endsWith("node-text-preview"))?.value,
    look: () => ({
      line: work.line(),
      videos: inNode("video").map(file),
      pictures: [...new Set([...inNode("img"), ...(node().imgs ?? [])].map(file))],
      hasLive: Boolean(live()),
    }),
    take: () => {
      const seen = { ...work.look(), live: work.live, atStart: work.atStart };
      Object.assign(work, { ended: false, live: null, atStart: null });
      return seen;
    },
  };
  window.work = work;
  app.api.addEventListener("execution_start", () => setTimeout(() => (work.atStart ??= { line: work.line() ?? "" })));
  app.api.addEventListener("practical_rife.preview", () => setTimeout(async () => {
    const picture = live();
    if (!picture || work.live) return;
    await picture.decode().catch(() => {});
    work.live = picture.naturalWidth;
  }));
  app.api.addEventListener("execution_success", () => setTimeout(() => (work.ended = true), 1500));
}

// In the page: the size of the picture that the player of a video shows, what is written on the page of
// things that went wrong, and what nodes say of their work; null while there is nothing of the first two.
function look(video) {
  const complaints = document.body.innerText.match(/^.*(error|fail|issue).*$/gim) ?? [];
  const player = [...document.querySelectorAll("video")].find(
    (one) => (one.currentSrc || one.src).includes(video));
  const { width, height } = player?.getBoundingClientRect() ?? {};
  const written = document.body.innerText.replaceAll("\n", " ");
  const lines = written.match(/\S+ · \d+ (→ \d+ )?frames · .*? · took [\d.]+ s/g) ?? [];
  const isShown = width && height && player.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  const size = isShown ? [player.videoWidth, player.videoHeight] : null;
  return size || complaints.length ? { size, complaints, lines } : null;
}

// In the page: Nodes 2.0 are elements of the page, nodes on the classic canvas are not.
function listDrawnNodes() {
  return [...document.querySelectorAll("[data-node-id]")].map((one) => one.dataset.nodeId);
}

const job = JSON.parse(process.argv[2]);

async function picture(page, name) {
  await page.waitForTimeout(1000); // until it has been drawn
  await page.screenshot({ path: path.join(job.pictures, `${name}.png`) });
}

async function main() {
  // Chromium has no sandbox as root, which is what runs in most containers.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
  const browser = await chromium.launch({ executablePath: job.browser, args });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 840 } });
    page.setDefaultTimeout(60000);
    await page.goto(job.url);
    await page.waitForFunction(
      () => window.app?.extensionManager && LiteGraph.registered_node_types.RIFELoadModel);
    await page.waitForTimeout(1500); // the graph of the last session is loaded after the nodes
    try {
      process.stdout.write(JSON.stringify(await commands[job.command](page, job)));
    } catch (error) {
      await picture(page, "failed");
      throw error;
    }
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
