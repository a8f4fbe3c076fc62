// Shows the pictures of Compare Clips (RIFE) behind a slider.
//
// Nodes 2.0 has a widget for that. Older front ends (1.43, 1.45) hand it the pictures of ComfyUI's own
// node alone; newer ones (1.58) those of every node, from what the server sent, and do not look at the
// value that is set here. The classic canvas has none, so there the node gets a slider of this pack.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const SIZE = [480, 640]; // of a new node, in pixels
const WHOLE = "position: absolute; width: 100%; height: 100%; object-fit: contain";

const address = (file) => api.apiURL(`/view?${new URLSearchParams(file)}`);

// Two pictures, one on the other; of the upper one only what is left of the pointer.
function makeSlider() {
  const box = document.createElement("div");
  box.style.cssText = "position: relative; width: 100%; height: 100%; overflow: hidden";
  const [after, before] = [0, 1].map(() => {
    const picture = document.createElement("img");
    picture.style.cssText = WHOLE;
    picture.draggable = false;
    picture.alt = "";
    box.append(picture);
    return picture;
  });
  const cut = (share) => (before.style.clipPath = `inset(0 ${100 * (1 - share)}% 0 0)`);
  cut(0.5);
  box.addEventListener("pointermove", (event) => {
    const { left, width } = box.getBoundingClientRect();
    cut((event.clientX - left) / width);
  });
  return { box, show: (files) => [before, after].forEach((one, index) => (one.src = files[index])) };
}

app.registerExtension({
  name: "PracticalRIFE.Compare",
  nodeCreated(node) {
    const slider = node.widgets?.find((widget) => widget.type === "imagecompare");
    if (node.comfyClass !== "CompareClipsRIFE" || !slider) return;
    // Else its value would go to the server, and the node would run again for having shown something.
    slider.options.serialize = false;
    node.hideOutputImages = true; // beneath the slider
    let own;
    if (!LiteGraph.vueNodesMode) {
      slider.hidden = true;
      own = makeSlider();
      const widget = node.addDOMWidget("rife_slider", "slider", own.box, {
        serialize: false, hideOnZoom: false, getMinHeight: () => 240,
      });
      widget.serialize = false;
    }
    node.setSize([Math.max(node.size[0], SIZE[0]), Math.max(node.size[1], SIZE[1])]);
    const onExecuted = node.onExecuted;
    node.onExecuted = function (output) {
      onExecuted?.call(this, output);
      const [beforeImages, afterImages] = [output.a_images, output.b_images].map(
        (files) => (files ?? []).map(address));
      slider.value = { beforeImages, afterImages };
      slider.callback?.(slider.value);
      own?.show([beforeImages[0], afterImages[0]]);
    };
  },
});
