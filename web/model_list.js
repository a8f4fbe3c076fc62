// Shows in a list of models what is known of each: on disk, to be downloaded, recommended.
//
// The widget's value stays the plain version or file name, which is what a workflow stores. The server
// tells the rest as `states` of the input (nodes/support/model_inputs.py), again at each refresh.
import { app } from "../../scripts/app.js";

const WORDS = {
  en: {
    recommended: "recommended",
    tuned: (base) => `fine-tuned ${base}`,
    download: (size) => (size ? `${size} download` : "download"),
    onDisk: "on disk",
    marks: (all) => ` (${all.join(", ")})`,
  },
  zh: {
    recommended: "推荐",
    tuned: (base) => `由 ${base} 微调`,
    download: (size) => (size ? `需下载 ${size}` : "需下载"),
    onDisk: "已在本地",
    marks: (all) => `（${all.join("，")}）`,
  },
  ja: {
    recommended: "おすすめ",
    tuned: (base) => `${base} をファインチューニング`,
    download: (size) => (size ? `ダウンロード ${size}` : "ダウンロード"),
    onDisk: "保存済み",
    marks: (all) => `（${all.join("、")}）`,
  },
};

const WIDTH = 380; // of a new node, in pixels: room for a label
const ARROW = 40; // pixels at both ends of a widget, where a click steps through the list

let definitions = {}; // node type -> what the server last said of it

function statesOf(type, name) {
  const { required, optional } = definitions[type]?.input ?? {};
  return { ...required, ...optional }[name]?.[1]?.states;
}

function label(value, state) {
  if (!state) return value;
  const words = WORDS[app.extensionManager.setting.get("Comfy.Locale")] ?? WORDS.en;
  const marks = [];
  if (state.version) marks.push(state.version);
  if (state.tuned_from) marks.push(words.tuned(state.tuned_from));
  if (state.recommended) marks.push(words.recommended);
  if ("download" in state) {
    const megabytes = state.download / 1e6;
    marks.push(words.download(megabytes && `${Math.max(1, Math.round(megabytes))} MB`));
  }
  return value + (marks.length ? words.marks(marks) : "") + (state.on_disk ? ` ✓ ${words.onDisk}` : "");
}

// A workflow may name a file that the list shows as a version. The front end would call it missing.
function listOwnValue(widget, type) {
  const { options } = widget;
  let listed = options.values;
  Object.defineProperty(options, "values", {
    configurable: true,
    enumerable: true,
    get() {
      const { value } = widget;
      const isHidden = !listed.includes(value) && statesOf(type, widget.name)?.[value];
      return isHidden ? [...listed, value] : listed;
    },
    set(values) {
      listed = values;
    },
  });
}

// On the classic canvas, the front end's own list of labels has no filter, and leaves the screen when it
// is long. Its list of plain values does neither, and can be written over.
function openFilteredList(widget) {
  const open = widget.onClick;
  widget.onClick = function (click) {
    const { e, node, canvas } = click;
    const x = e.canvasX - node.pos[0];
    if (x < ARROW || x > (this.width || node.size[0]) - ARROW) return open.call(this, click);
    const { getOptionLabel, values } = this.options;
    const { root } = new LiteGraph.ContextMenu(values, {
      scale: Math.max(1, canvas.ds.scale),
      event: e,
      className: "dark", // what makes it a list with a filter
      callback: (value) => this.setValue(value, click),
    });
    root.querySelectorAll(".litemenu-entry").forEach((entry, index) => {
      entry.textContent = getOptionLabel(values[index]);
    });
    const room = innerWidth - root.getBoundingClientRect().right; // for what made it wider
    if (room < 0) root.style.left = `${root.offsetLeft + room}px`;
  };
}

app.registerExtension({
  name: "PracticalRIFE.ModelList",
  addCustomNodeDefs(all) {
    definitions = all;
  },
  nodeCreated(node) {
    const type = node.comfyClass;
    for (const widget of node.widgets ?? []) {
      if (!statesOf(type, widget.name)) continue;
      widget.options.getOptionLabel = (value) =>
        value ? label(value, statesOf(type, widget.name)?.[value]) : "";
      listOwnValue(widget, type);
      openFilteredList(widget);
      node.setSize([Math.max(node.size[0], WIDTH), node.size[1]]); // until a workflow says otherwise
    }
  },
  refreshComboInNodes(all) {
    definitions = all;
    app.canvas?.setDirty(true, true);
  },
});
