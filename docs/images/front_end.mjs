// ComfyUI's front end in Chromium, as screens.mjs uses it: load a graph, run it, lay it out, picture it.
import { createRequire } from 'node:module';

// Unlike import, require looks where NODE_PATH says.
const { chromium } = createRequire(import.meta.url)('playwright-core');

const SETTINGS = {
  'Comfy.TutorialCompleted': true, // else the templates open by themselves
  'Comfy.Locale': 'en',
  'Comfy.Minimap.Visible': false,
  'Comfy.Graph.CanvasInfo': false,
  'Comfy.Graph.CanvasMenu': false,
  'Comfy.RightSidePanel.IsOpen': false,
};
const GAP = 36; // px of the graph, between nodes
const MARGIN = 24; // px of the picture, around them
const PATIENCE = 300_000; // ms, for a run on a CPU

export class FrontEnd {
  constructor(url, browser) {
    Object.assign(this, { url, browser });
  }

  static async start(url) {
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    return new FrontEnd(url, await chromium.launch({ executablePath, args: ['--no-sandbox'] }));
  }

  // Puts a file into ComfyUI's input folder.
  async upload(name, content) {
    const form = new FormData();
    form.append('image', new Blob([content]), name);
    form.append('overwrite', 'true');
    await fetch(`${this.url}/upload/image`, { method: 'POST', body: form });
  }

  // Runs a workflow in API form without a page; returns the first file that a node of it shows.
  async make(workflow, id) {
    const body = JSON.stringify({ prompt: workflow });
    const { prompt_id } = await (await fetch(`${this.url}/prompt`, { method: 'POST', body })).json();
    for (;;) {
      const ended = (await (await fetch(`${this.url}/history/${prompt_id}`)).json())[prompt_id];
      if (ended) {
        const [file] = ended.outputs[id].images; // a video is one as well
        const made = await fetch(`${this.url}/view?${new URLSearchParams(file)}`);
        return Buffer.from(await made.arrayBuffer());
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  // Opens a page of its own, in Nodes 2.0 or in the classic form.
  async open({ width = 1200, height = 900, isVue = true } = {}) {
    const settings = { ...SETTINGS, 'Comfy.VueNodes.Enabled': isVue };
    await fetch(`${this.url}/api/settings`, { method: 'POST', body: JSON.stringify(settings) });
    const page = await this.browser.newPage({ viewport: { width, height } });
    await page.goto(this.url);
    await page.waitForFunction(() => globalThis.LiteGraph?.registered_node_types.RIFELoadModel);
    await page.waitForTimeout(2000); // templates and settings
    // The graph that the front end begins with asks for models.
    await page.getByRole('button', { name: 'Dismiss' }).click({ timeout: 5000 }).catch(() => {});
    return page;
  }
}

// Shows a workflow, alone.
export async function load(page, workflow, name) {
  await page.evaluate(async ([workflow, name]) => {
    const store = app.extensionManager.workflow;
    const others = [...store.openWorkflows];
    if (workflow.nodes) await app.loadGraphData(workflow, true, true, name);
    else await app.loadApiJson(workflow, name);
    for (const other of others) await store.closeWorkflow(other);
  }, [workflow, name]);
  await page.waitForTimeout(1000);
}

// Sets widgets of nodes: [type, which of that type, widget, value], as a choice from a list does.
export async function choose(page, changes) {
  await page.evaluate((changes) => {
    for (const [type, nth, name, value] of changes) {
      const node = app.graph.nodes.filter((one) => one.type === type)[nth];
      const widget = node.widgets.find((one) => one.name === name);
      widget.value = value;
      widget.callback?.(value, app.canvas, node);
    }
  }, changes);
}

// Presses the button and waits for the end, which must be the expected one.
export async function run(page, expected = 'execution_success') {
  await page.evaluate(async () => {
    // A node that is answered from the cache has no line of its result.
    await fetch('/free', { method: 'POST', body: JSON.stringify({ free_memory: true }) });
    for (const event of ['execution_success', 'execution_error']) {
      app.api.addEventListener(event, ({ detail }) => { globalThis.ended = { event, detail }; });
    }
  });
  await page.waitForTimeout(1000);
  await page.getByTestId('queue-button').click();
  const ended = await page.waitForFunction(() => globalThis.ended, null, { timeout: PATIENCE });
  const { event, detail } = await ended.jsonValue();
  if (event !== expected) throw new Error(`expected ${expected}: ${JSON.stringify(detail)}`);
  await page.waitForTimeout(5000); // the note that a job was queued goes away
}

// Players show the middle of their clips.
export async function seek(page) {
  await page.evaluate(() => {
    for (const video of document.querySelectorAll('video')) video.currentTime = video.duration / 2;
  });
  await page.waitForTimeout(500);
}

// Puts nodes into columns: [width, id or [id, height], ...]. Nodes 2.0 are at least as high as fits.
export async function arrange(page, columns) {
  const nodes = columns.map(([width, ...entries]) =>
    entries.map((entry) => [entry].flat()).map(([id, height]) => ({ id, size: [width, height ?? 0] })));
  await page.evaluate((nodes) => {
    for (const { id, size } of nodes) app.graph.nodes.find((one) => String(one.id) === id).setSize(size);
  }, nodes.flat());
  await page.waitForTimeout(1000); // sizes become what the content needs
  await page.evaluate(([columns, gap]) => {
    const find = (id) => app.graph.nodes.find((node) => String(node.id) === id);
    let left = 0;
    for (const column of columns) {
      let top = LiteGraph.NODE_TITLE_HEIGHT;
      for (const { id } of column) {
        const node = find(id);
        node.pos = [left, top];
        top += node.size[1] + LiteGraph.NODE_TITLE_HEIGHT + gap;
      }
      left += Math.max(...column.map(({ id }) => find(id).size[0])) + gap;
    }
    app.canvas.setDirty(true, true);
  }, [nodes, GAP]);
  await page.waitForTimeout(500);
}

// Shows the graph from its upper left corner on, beside the front end's own bars.
export async function place(page, scale, below = 125) {
  await page.evaluate(([scale, below]) => {
    const items = [...app.graph.nodes, ...app.graph.groups];
    const [left, top] = [0, 1].map((axis) => Math.min(...items.map((item) => item.pos[axis])));
    const [x, y] = [80 / scale - left, below / scale - top];
    Object.assign(app.canvas.ds, { scale, offset: [x, y] });
    app.canvas.setDirty(true, true);
  }, [scale, below]);
  await page.waitForTimeout(1000);
}

// Makes the panel at the right wider.
export async function widenPanel(page, by) {
  const edge = await page.locator('.p-splitter-gutter').last().boundingBox();
  const [x, y] = [edge.x + edge.width / 2, edge.y + edge.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x - by, y, { steps: 5 });
  await page.mouse.up();
}

// Leaves the nodes alone on the page, which becomes as large as they are.
export async function fit(page, scale) {
  await page.evaluate(() => app.extensionManager.command.execute('Workspace.ToggleFocusMode'));
  await page.addStyleTag({ content: 'button[aria-label="Show Menu"] { display: none }' });
  const [width, height] = await page.evaluate(([scale, margin]) => {
    app.canvas.deselectAll();
    const boxes = app.graph.nodes.map(({ pos, size }) => [pos[0] + size[0], pos[1] + size[1]]);
    const [right, bottom] = [0, 1].map((axis) => Math.max(...boxes.map((box) => box[axis])));
    Object.assign(app.canvas.ds, { scale, offset: [margin / scale, margin / scale] });
    app.canvas.setDirty(true, true);
    return [right, bottom].map((end) => Math.ceil(end * scale + 2 * margin));
  }, [scale, MARGIN]);
  await page.setViewportSize({ width, height });
  await page.waitForTimeout(1000);
}

export async function save(page, path) {
  await page.mouse.move(0, 0); // no tooltip
  await page.waitForTimeout(500);
  await page.screenshot({ path, type: 'jpeg', quality: 70 });
  await page.close();
}
