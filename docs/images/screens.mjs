// Makes the pictures of docs/nodes.md in the front end of a running ComfyUI with this pack.
//
//   npm install playwright-core          (anywhere; Chromium from the system)
//   node docs/images/screens.mjs http://127.0.0.1:8188 4.26 4.25 [names of pictures]
//
// The first version must be on the server's disk. The second must not be, nor may it be reachable:
// its failure is one of the pictures.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [url, model, missing, ...wanted] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const node = (class_type, inputs) => ({ class_type, inputs });

const load = (version) => node('RIFELoadModel', { model: version, precision: 'auto', torch_compile: false });
const pair = {
  first: node('LoadImage', { image: 'rife_pair_0.png' }),
  second: node('LoadImage', { image: 'rife_pair_1.png' }),
  pair: node('BatchImagesNode', { 'images.image0': ['first', 0], 'images.image1': ['second', 0] }),
};
const options = {
  quality: 'fast', loop: false, scene_threshold: 0.2, at_cut: 'nearest', duplicates: 'keep', cuts: '',
};
const smooth = node('RIFEInterpolate', {
  model: ['model', 0], images: ['pair', 0], multi: 2, scale: '1', ...options, end: 'last-frame', fps: 16,
});
const look = node('RIFEPreviewMotion', {
  model: ['model', 0], images: ['pair', 0], frame: 0, timestep: 0.5, scale: '1',
});
const compare = node('RIFECompare', {
  before: ['pair', 0], after: ['smooth', 0], before_fps: 16, after_fps: 32, frame: -1,
});
const video = (multi) => ({
  clip: node('CreateVideo', { images: ['pair', 0], fps: 2 }),
  smooth: node('RIFEInterpolateVideo', {
    model: ['model', 0], video: ['clip', 0], mode: 'multiplier', 'mode.multi': multi, scale: '1',
    filename_prefix: 'video/RIFE', preset: 'share', crf: 20, audio: 'copy', ...options,
    end: 'full-duration', ffmpeg_options: '', resume: false,
  }),
});
const exported = node('RIFEExportVideo', {
  images: ['smooth', 0], fps: ['smooth', 2], filename_prefix: 'video/RIFE', crf: 20, preset: 'share',
  ffmpeg_options: '',
});

// node -> left, top, width, height
const PLACES = {
  model: [0, 0, 300, 110], first: [0, 210, 300, 320], second: [0, 590, 300, 320],
  pair: [340, 200, 240, 80], clip: [340, 340, 240, 110],
  smooth: [640, 0, 340, 700], look: [640, 0, 620, 800], exported: [1040, 0, 300, 260],
  compare: [1040, 0, 480, 640],
};

// name -> workflow, Nodes 2.0 or classic, size of the picture
const SCREENS = {
  'video-node-classic': [{ ...pair, model: load(model), ...video(8) }, false, 860, 830],
  // Another number, or it would be answered from the cache, without the line of the result.
  'video-node': [{ ...pair, model: load(model), ...video(4) }, true, 860, 830],
  'motion-node': [{ ...pair, model: load(model), look }, true, 1040, 800],
  'compare-node': [{ ...pair, model: load(model), smooth, compare }, true, 1190, 560],
  'missing-checkpoint': [{ ...pair, model: load(missing), smooth, exported }, true, 1260, 620],
};

async function upload(name) {
  const form = new FormData();
  form.append('image', new Blob([readFileSync(join(here, '../../tests/data', name))]), `rife_${name}`);
  form.append('overwrite', 'true');
  await fetch(`${url}/upload/image`, { method: 'POST', body: form });
}

async function shoot(browser, name, [workflow, isVue, width, height]) {
  const settings = {
    'Comfy.TutorialCompleted': true, 'Comfy.Locale': 'en', 'Comfy.VueNodes.Enabled': isVue,
    'Comfy.Minimap.Visible': false, 'Comfy.Graph.CanvasInfo': false, 'Comfy.RightSidePanel.IsOpen': false,
    'Comfy.Workflow.ShowMissingModelsWarning': false, // of the graph that the front end begins with
  };
  await fetch(`${url}/api/settings`, { method: 'POST', body: JSON.stringify(settings) });
  const page = await browser.newPage({ viewport: { width, height } });
  await page.goto(url);
  await page.waitForFunction(() => globalThis.LiteGraph?.registered_node_types.RIFELoadModel);
  await page.waitForTimeout(2000); // templates and settings
  await page.evaluate((api) => app.loadApiJson(api, 'RIFE'), workflow);
  await page.waitForTimeout(1000);
  await page.evaluate((places) => {
    for (const item of app.graph.nodes) {
      const [left, top, width, height] = places[item.id];
      item.pos = [left, top];
      item.setSize([width, height]);
    }
    Object.assign(app.canvas.ds, { scale: 0.72, offset: [100, 160] });
    app.canvas.setDirty(true, true);
    for (const event of ['execution_success', 'execution_error']) {
      app.api.addEventListener(event, () => { globalThis.hasEnded = true; });
    }
  }, PLACES);
  await page.getByTestId('queue-button').click();
  await page.waitForFunction(() => globalThis.hasEnded, null, { timeout: 120_000 });
  await page.waitForTimeout(5000); // the note that a job was queued goes away
  await page.screenshot({ path: join(here, `${name}.jpg`), type: 'jpeg', quality: 80 });
  await page.close();
}

await upload('pair_0.png');
await upload('pair_1.png');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, screen] of Object.entries(SCREENS)) {
  if (!wanted.length || wanted.includes(name)) await shoot(browser, name, screen);
}
await browser.close();
