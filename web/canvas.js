// On the classic canvas: rarely changed inputs are folded away there as well, until Show Advanced in the
// node's menu; and a node that grows, for what it shows or unfolds, moves those below it out of its way.
import { app } from "../../scripts/app.js";
import { isOurs } from "./ours.js";

const SIZES = { PreviewMotionRIFE: [820, 760] }; // pixels: what it shows can be read
const GAP = 10; // pixels between a node that has grown and the next one

function fold(node) {
  const advanced = node.widgets?.filter((widget) => widget.options?.advanced) ?? [];
  if (!advanced.length) return;
  for (const widget of advanced) widget.advanced = true;
  // The front end leaves room for what it does not draw.
  const listAll = node.getLayoutWidgets;
  node.getLayoutWidgets = function () {
    return listAll.call(this).filter((widget) => this.showAdvanced || !widget.advanced);
  };
  const shrink = () => node.setSize([node.size[0], node.computeSize()[1]]);
  const toggle = node.toggleAdvanced;
  node.toggleAdvanced = function () {
    toggle.call(this);
    if (!this.showAdvanced) shrink();
  };
  shrink();
}

// Moves nodes down that did not lie under this one before it grew, and do now; and those below them.
function makeRoom(node, before) {
  const [left, top] = node.pos;
  const bottom = top + node.size[1];
  const below = (node.graph?.nodes ?? []).filter((other) => other !== node
    && other.pos[1] - LiteGraph.NODE_TITLE_HEIGHT >= top + before
    && other.pos[0] < left + node.size[0] && other.pos[0] + other.size[0] > left);
  const first = Math.min(...below.map((other) => other.pos[1] - LiteGraph.NODE_TITLE_HEIGHT));
  const shift = bottom + GAP - first;
  if (below.length && shift > 0) for (const other of below) other.pos = [other.pos[0], other.pos[1] + shift];
}

app.registerExtension({
  name: "PracticalRIFE.Canvas",
  setup() {
    // A node grows when its player has loaded, and is drawn at its old size until something else changes.
    document.addEventListener("loadedmetadata", () => app.canvas?.setDirty(true, true), true);
  },
  nodeCreated(node) {
    if (!isOurs(node)) return;
    fold(node);
    const size = SIZES[node.comfyClass];
    if (size) node.setSize(size.map((least, axis) => Math.max(least, node.size[axis])));
    const onResize = node.onResize;
    let height = node.size[1];
    node.onResize = function (size) {
      onResize?.call(this, size);
      const before = height;
      height = this.size[1];
      const isDragged = app.canvas?.resizing_node === this;
      if (height > before && this.graph && !app.configuringGraph && !isDragged) makeRoom(this, before);
    };
  },
});
