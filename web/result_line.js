// Keeps the line in which a node says what it has done.
//
// The front end shows the text that a node sends while it works. Since 1.58 it takes such texts away
// when the job ends; older ones do so when the job's answer comes from the cache.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const lines = new WeakMap(); // node -> its line

// A node within a subgraph has the id of each graph on the way to it: 12:3.
function find(id) {
  let node;
  let graph = app.graph;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part);
    graph = node?.subgraph;
  }
  return node?.comfyClass?.startsWith("RIFE") ? node : undefined;
}

app.registerExtension({
  name: "PracticalRIFE.ResultLine",
  setup() {
    const ran = new Set(); // ids of the nodes that have said something
    api.addEventListener("progress_text", ({ detail: { nodeId, text } }) => {
      const node = find(nodeId);
      if (!node) return;
      lines.set(node, text);
      ran.add(String(nodeId));
    });
    api.addEventListener("executing", ({ detail }) => {
      const node = find(detail?.node ?? detail);
      if (node) lines.delete(node); // until it says how it went this time
    });
    const showAgain = () => {
      for (const nodeId of ran) {
        const text = lines.get(find(nodeId));
        if (text) api.dispatchCustomEvent("progress_text", { nodeId, text });
      }
    };
    for (const end of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(end, () => setTimeout(showAgain)); // after the front end's own work
    }
  },
});
