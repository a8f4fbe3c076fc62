// Hands the pictures of RIFE Compare to ComfyUI's compare widget.
//
// Older front ends (1.43, 1.45) do so for ComfyUI's own node alone. Newer ones (1.58) do it for every
// node, from what the server sent, and do not look at the value that is set here.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const address = (file) => api.apiURL(`/view?${new URLSearchParams(file)}`);

app.registerExtension({
  name: "PracticalRIFE.Compare",
  nodeCreated(node) {
    const slider = node.widgets?.find((widget) => widget.type === "imagecompare");
    if (node.comfyClass !== "RIFECompare" || !slider) return;
    // Else its value would go to the server, and the node would run again for having shown something.
    slider.options.serialize = false;
    node.hideOutputImages = true; // beneath the slider; the classic canvas, without one, shows them
    node.setSize([Math.max(node.size[0], 480), Math.max(node.size[1], 640)]);
    const onExecuted = node.onExecuted;
    node.onExecuted = function (output) {
      onExecuted?.call(this, output);
      const [beforeImages, afterImages] = [output.a_images, output.b_images].map(
        (files) => (files ?? []).map(address));
      slider.value = { beforeImages, afterImages };
      slider.callback?.(slider.value);
    };
  },
});
