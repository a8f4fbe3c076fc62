// Shows in a node what it does and has done: a line of text, and while a video is made, its newest frame.
//
// The front end shows the text that a node sends, without translating it, and takes it away at the end of
// a job: since 1.58 always, before when the job's answer comes from the cache. Its own live pictures stay
// in place of the player that follows them, so the pictures of videos come as an event of this pack.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { isOurs } from "./ours.js";
import { translate } from "./phrases.js";

const LINE = "$$node-text-preview"; // the front end's name of the widget with the text
const LIVE = "rife_live"; // ours, with the picture
const VIDEO = /\.(mp4|webm|mov|mkv)$/;
const RUNNING = /^(\d+\/\d+|\d+ frames so far)/;

const lines = new Map(); // id of a node -> what it said last, in English

// A node within a subgraph has the id of each graph on the way to it: 12:3.
function find(id) {
  let node;
  let graph = app.graph;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part);
    graph = node?.subgraph;
  }
  return isOurs(node) ? node : undefined;
}

function removeWidget(node, name) {
  const index = node.widgets?.findIndex((widget) => widget.name === name) ?? -1;
  if (index < 0) return;
  node.widgets[index].onRemove?.();
  node.widgets.splice(index, 1);
}

// Makes the node as high as its widgets need, and never lower than it is.
function grow(node) {
  const [, needed] = node.computeSize();
  if (needed > node.size[1]) node.setSize([node.size[0], needed]);
  app.canvas?.setDirty(true, true);
}

function show(nodeId) {
  const node = find(nodeId);
  const line = lines.get(nodeId);
  if (!node || !line) return;
  const text = translate(line, app.extensionManager.setting.get("Comfy.Locale"));
  api.dispatchCustomEvent("progress_text", { nodeId, text, isShown: true });
  const widget = node.widgets?.find((one) => one.name === LINE);
  if (!widget) return;
  // On the classic canvas the widget has room for two lines of text, whatever it says.
  const rows = Math.ceil((text.length * 6.6) / Math.max(node.size[0] - 40, 100));
  widget.options.getMinHeight = () => 20 + 16 * Math.max(rows, 2);
  grow(node);
}

// After a run that made a picture, the front end would go on showing the video of the run before, or look
// for a video in the picture. A GIF moves only where the front end is told that it does.
function forgetVideo(node, isGif) {
  removeWidget(node, "video-preview");
  node.videoContainer = undefined;
  node.previewMediaType = "image";
  if (isGif) setTimeout(() => Object.assign(node, { animatedImages: true }), 1000); // once it is drawn
}

function showPicture({ node: nodeId, filename, type }) {
  const node = find(nodeId);
  if (!node) return;
  let widget = node.widgets?.find((one) => one.name === LIVE);
  if (!widget) {
    const picture = document.createElement("img");
    picture.style.cssText = "width: 100%; height: 100%; object-fit: contain";
    picture.alt = "";
    widget = node.addDOMWidget(LIVE, "image", picture, {
      serialize: false, hideOnZoom: false, getMinHeight: () => 160,
    });
    widget.serialize = false;
  }
  const file = new URLSearchParams({ filename, type, t: Date.now() }); // the same name each time
  widget.element.src = api.apiURL(`/view?${file}`);
  grow(node);
}

app.registerExtension({
  name: "PracticalRIFE.ResultLine",
  setup() {
    api.addEventListener("progress_text", ({ detail: { nodeId, text, isShown } }) => {
      if (isShown || !find(nodeId)) return;
      lines.set(String(nodeId), text);
      show(String(nodeId));
    });
    api.addEventListener("practical_rife.preview", ({ detail }) => showPicture(detail));
    const kept = new Map(); // of the run before, for nodes that this one takes from the cache
    api.addEventListener("execution_start", () => {
      for (const [nodeId, line] of lines) {
        kept.set(nodeId, line);
        const node = find(nodeId);
        if (node) removeWidget(node, LINE);
      }
      lines.clear();
    });
    api.addEventListener("execution_cached", ({ detail }) => {
      for (const nodeId of detail?.nodes ?? []) {
        if (kept.has(nodeId)) lines.set(nodeId, kept.get(nodeId));
        show(nodeId);
      }
    });
    api.addEventListener("executed", ({ detail }) => {
      const node = find(detail?.node);
      if (!node) return;
      removeWidget(node, LIVE);
      const files = detail.output?.images ?? [];
      if (files.length && !files.some(({ filename }) => VIDEO.test(filename))) {
        forgetVideo(node, files.some(({ filename }) => filename.endsWith(".gif")));
      }
    });
    const end = () => {
      kept.clear();
      for (const [nodeId, line] of lines) {
        const [count] = line.match(RUNNING) ?? [];
        if (count) lines.set(nodeId, `stopped at ${count.replace(" frames so far", "")}`);
        const node = find(nodeId);
        if (node) removeWidget(node, LIVE);
        show(nodeId);
      }
    };
    for (const event of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(event, () => setTimeout(end)); // after the front end's own work
    }
  },
});
