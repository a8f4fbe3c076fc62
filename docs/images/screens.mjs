// Makes the pictures of a running ComfyUI: those of the help pages in web/docs/images, which
// docs/nodes.md shows as well, and those of this folder that a front end is in.
//
//   npm install playwright-core          (anywhere; Chromium from the system, or where CHROMIUM says)
//   NODE_PATH=<its node_modules> node docs/images/screens.mjs http://127.0.0.1:8188 4.26 4.0 4.25 [names]
//
// The first two checkpoints must be on the server's disk, the second is compared with the first. The
// third must neither be there nor be reachable: its failure is one of the pictures. The names are those
// of SCREENS. Frames are put into the server's input folder, so let it have a base directory of its own.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrontEnd, arrange, choose, fit, load, place, run, save, seek, widenPanel } from './front_end.mjs';

const [url, model, other, missing, ...wanted] = process.argv.slice(2);
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const ONTO_HELP_PAGES = join(root, 'web/docs/images');
const BESIDE = join(root, 'docs/images');

// --- workflows in API form -------------------------------------------------------------------------

const node = (class_type, inputs) => ({ class_type, inputs });
const CAR = { x: 84, y: 98, width: 224, height: 128 }; // px: where it drives
const options = {
  quality: 'fast', loop: false, scene_threshold: 0.2, at_cut: 'nearest', duplicates: 'keep', cuts: '',
};
const encoding = { filename_prefix: 'video/RIFE', preset: 'share', crf: 20, ffmpeg_options: '' };

const loadModel = (version) => node('RIFELoadModel', { model: version, precision: 'auto', torch_compile: false });
const loadClip = (file) => node('LoadVideo', { file });
const framesOf = (video) => node('GetVideoComponents', { video: [video, 0] });
const interpolated = (images, source_fps, mode) => node('RIFEInterpolate', {
  model: ['model', 0], images: [images, 0], source_fps, ...mode, scale: '1', ...options, end: 'auto',
});
const interpolate = (images, multi, source_fps) =>
  interpolated(images, source_fps, { mode: 'multiplier', 'mode.multi': multi });
const exportVideo = (images, fps) => node('ExportVideoRIFE', { images: [images, 0], fps, ...encoding });
const exportFilm = (from, output) => node('ExportVideoRIFE', { images: [from, output], fps: 0, ...encoding });
const FILM = 3; // the output of RIFEInterpolate that is a VIDEO

const pair = {
  model: loadModel(model),
  first: node('LoadImage', { image: 'first.png' }),
  second: node('LoadImage', { image: 'last.png' }),
  pair: node('BatchImagesNode', { 'images.image0': ['first', 0], 'images.image1': ['second', 0] }),
};
const clip = {
  model: loadModel(model), video: loadClip('wan_16fps.mp4'), frames: framesOf('video'),
};

const batches = {
  ...pair,
  smooth: interpolate('pair', 8, 2),
  exported: exportFilm('smooth', FILM),
  png: node('ExportPNGRIFE', {
    images: ['smooth', 0], filename_prefix: 'frames/RIFE', bit_depth: '8', compression: 4,
    workflow_in: 'every file',
  }),
};
const toFile = {
  ...clip, smooth: interpolate('frames', 2, ['frames', 2]), exported: exportFilm('smooth', FILM),
};
const oneNode = {
  video: loadClip('wan_16fps.mp4'),
  smooth: node('RIFESmooth', {
    video: ['video', 0], model, mode: 'target fps', 'mode.target_fps': 60, save: true,
    filename_prefix: 'video/RIFE', preset: 'share', crf: 20,
  }),
};
const fileToFile = {
  model: loadModel(model),
  video: loadClip('wan_16fps.mp4'),
  smooth: node('RIFEInterpolateVideo', {
    model: ['model', 0], video: ['video', 0], source_fps: 0, mode: 'target fps', 'mode.target_fps': 24,
    scale: '1', ...encoding, audio: 'copy', ...options, end: 'auto', resume: false,
  }),
};
const motion = {
  ...pair,
  look: node('PreviewMotionRIFE', {
    model: ['model', 0], images: ['pair', 0], frame: 0, timestep: 0.5, scale: '1',
  }),
};
const parts = {
  model: loadModel(model),
  wide: loadClip('wan_16fps.mp4'), wideFrames: framesOf('wide'),
  close: loadClip('close_16fps.mp4'), closeFrames: framesOf('close'),
  join: node('JoinClipsRIFE', {
    'clips.clip_1': ['wideFrames', 0], 'clips.clip_2': ['closeFrames', 0], overlap: 0,
  }),
  cuts: node('DetectCutsRIFE', { images: ['join', 0], scene_threshold: 0.2, fps: 16 }),
  sheet: node('PreviewImage', { images: ['cuts', 2] }),
  retime: interpolated('join', ['wideFrames', 2], {
    mode: 'target fps', 'mode.target_fps': 24, cuts: ['cuts', 0],
  }),
  exported: exportFilm('retime', FILM),
};
const ramp = {
  ...clip,
  ramp: interpolated('frames', ['frames', 2], {
    mode: 'speed ramp', 'mode.ramp': '0:1 0.5:0.25 1:1', 'mode.target_fps': 24,
  }),
  exported: exportFilm('ramp', FILM),
};
const montage = {
  ...pair,
  smooth: interpolate('pair', 8, 2),
  montage: node('MontageRIFE', {
    before: ['pair', 0], after: ['smooth', 0], before_fps: 2, after_fps: ['smooth', 1],
    layout: 'side-by-side', before_label: '{fps} fps', after_label: '{fps} fps',
  }),
  exported: exportVideo('montage', ['montage', 1]),
};
const compared = {
  ...pair,
  smooth: interpolate('pair', 8, 2),
  compare: node('CompareClipsRIFE', {
    before: ['pair', 0], after: ['smooth', 0], before_fps: 2, after_fps: ['smooth', 1], show: 'largest difference',
  }),
};
const enhancing = {
  video: loadClip('wan_16fps.mp4'),
  frames: framesOf('video'),
  enhancer: node('SAFALoadModel', { model: 'SAFA 0.5', precision: 'auto' }),
  images: node('SAFAEnhance', {
    model: ['enhancer', 0], images: ['frames', 0], scene_threshold: 0.2, cuts: '',
  }),
  file: node('SAFAEnhanceVideo', {
    model: ['enhancer', 0], video: ['video', 0], ...encoding, audio: 'copy', scene_threshold: 0.2,
    cuts: '', resume: true,
  }),
};

// --- pictures --------------------------------------------------------------------------------------

// Pictures nodes in columns, after a run.
function nodes(workflow, columns, { isVue = true, runs = true, folder = ONTO_HELP_PAGES } = {}) {
  return async (frontEnd, name) => {
    const page = await frontEnd.open({ isVue });
    await load(page, workflow, name);
    if (runs) await run(page);
    await arrange(page, columns);
    await fit(page, 0.75);
    await seek(page);
    await save(page, join(folder, `${name}.jpg`));
  };
}

async function openExample(page, title, changes) {
  const file = join(root, 'example_workflows', `RIFE frame interpolation ${title}.json`);
  // With a model that is on disk: else the front end offers the download and marks the node.
  const workflow = JSON.parse(readFileSync(file, 'utf8').replace(/"rife_v[\d.]+safetensors"/g, `"${model}"`));
  for (const { properties } of workflow.nodes) delete properties?.models;
  await load(page, workflow, title);
  await choose(page, changes);
}

// Pictures an example workflow as it is opened, after a run. Changes: [type, nth, widget, value].
function example(title, changes, { width, height, scale }) {
  return async (frontEnd, name) => {
    const page = await frontEnd.open({ width, height });
    await openExample(page, title, changes);
    await run(page);
    await place(page, scale);
    await seek(page);
    await save(page, join(BESIDE, `${name}.jpg`));
  };
}

// Runs what is shown, and drops a file that it has made onto the canvas.
function restored(show, suffix, type, scale) {
  return async (frontEnd, name) => {
    const page = await frontEnd.open({ width: 1250, height: 860 });
    await show(page);
    await run(page);
    await page.evaluate(async ([suffix, type]) => {
      const [ended] = Object.values(await (await fetch('/history?max_items=1')).json());
      const files = Object.values(ended.outputs).flatMap(({ images }) => images ?? []);
      const file = files.find(({ filename }) => filename.endsWith(suffix));
      const content = await (await fetch(`/view?${new URLSearchParams(file)}`)).blob();
      app.graph.clear();
      await app.handleFile(new File([content], file.filename, { type }));
    }, [suffix, type]);
    await place(page, scale);
    await save(page, join(BESIDE, `${name}.jpg`));
  };
}

async function showBatches(page) {
  await load(page, batches, 'RIFE');
  await arrange(page, [...PAIR, [290, 'smooth'], [290, 'exported', 'png']]);
}

async function missingCheckpoint(frontEnd, name) {
  const page = await frontEnd.open({ width: 1310, height: 600 });
  await load(page, { ...toFile, model: loadModel(missing) }, 'RIFE');
  await run(page, 'execution_error');
  await arrange(page, CLIP_TO_FILE);
  await place(page, 0.7);
  await save(page, join(BESIDE, `${name}.jpg`));
}

async function templates(frontEnd, name) {
  const page = await frontEnd.open({ width: 1300, height: 800 });
  await load(page, toFile, 'RIFE');
  await page.evaluate(() => app.extensionManager.command.execute('Comfy.BrowseTemplates'));
  await page.getByRole('dialog').getByText('Practical-RIFE').first().click();
  await page.waitForTimeout(3000);
  await save(page, join(BESIDE, `${name}.jpg`));
}

// Opens the help page of a node, in a panel wide enough for its picture.
async function help(frontEnd, name) {
  const page = await frontEnd.open({ width: 1300, height: 800 });
  await load(page, toFile, 'RIFE');
  await arrange(page, [[280, 'model', 'video', 'frames'], [290, 'smooth', 'exported']]);
  await place(page, 0.7, 170); // with room for the buttons above the node
  await page.evaluate(() => app.canvas.selectNode(app.graph.nodes.find(({ id }) => id === 'smooth')));
  await page.getByTestId('info-button').click();
  await widenPanel(page, 260);
  await page.waitForTimeout(2000);
  await save(page, join(BESIDE, `${name}.jpg`));
}

const CLIP_TO_FILE = [[280, 'video', 'frames'], [250, 'model'], [290, 'smooth'], [290, 'exported']];
const PAIR = [[260, 'first', 'second'], [230, 'model', 'pair']];
const MODEL = ['RIFELoadModel', 0, 'model', model];
const TO_COMPARE = [
  ['RIFELoadModel', 0, 'model', other], ['RIFELoadModel', 1, 'model', model],
  ['MontageRIFE', 0, 'before_label', `A: ${other}`], ['MontageRIFE', 0, 'after_label', `B: ${model}`],
];

const SCREENS = {
  'interpolate': nodes(batches, [...PAIR, [290, 'smooth'], [290, 'exported', 'png']]),
  'interpolate-video': nodes(fileToFile, [[280, 'model', 'video'], [340, 'smooth']]),
  'smooth-video': nodes(oneNode, [[280, 'video'], [380, ['smooth', 620]]]),
  'interpolate-video-classic': nodes(
    fileToFile, [[280, ['model', 140], ['video', 290]], [340, ['smooth', 640]]],
    { isVue: false, folder: BESIDE }),
  'preview-motion': nodes(motion, [...PAIR, [820, ['look', 760]]]),
  'join-and-retime': nodes(parts, [
    [280, 'wide', 'close'], [230, ['wideFrames', 120], ['closeFrames', 120]],
    [250, 'model', 'join', 'cuts'],
    [290, 'retime'], [290, 'exported', ['sheet', 260]],
  ]),
  'speed-ramp': nodes(ramp, [[280, 'model', 'video', 'frames'], [290, 'ramp'], [290, 'exported']]),
  'montage': nodes(montage, [...PAIR, [290, 'smooth'], [420, 'montage', 'exported']]),
  'compare': nodes(compared, [...PAIR, [290, 'smooth'], [420, ['compare', 560]]]),
  'enhance': nodes(
    enhancing, [[280, 'enhancer', 'video', 'frames'], [290, 'images', 'file']], { runs: false }),
  'missing-checkpoint': missingCheckpoint,
  'templates': templates,
  'help': help,
  'restored': restored(
    (page) => openExample(page, '07 Seamless loop', [MODEL]), '.mp4', 'video/mp4', 0.66),
  'restored-png': restored(showBatches, '.png', 'image/png', 0.8),
  'workflow-wan': example(
    '02 Insert into your Wan workflow', [['RIFESmooth', 0, 'model', model]],
    { width: 960, height: 1000, scale: 0.66 }),
  'workflow-two-images': example(
    '04 Slow motion from two images', [MODEL], { width: 1300, height: 860, scale: 0.5 }),
  'workflow-two-checkpoints': example(
    '10 Compare two checkpoints', TO_COMPARE, { width: 1400, height: 860, scale: 0.45 }),
};

// Uploads two pictures, and two clips of frames made between them: whole, and of the car alone.
async function prepare(frontEnd) {
  for (const [index, name] of ['first.png', 'last.png'].entries()) {
    await frontEnd.upload(name, readFileSync(join(root, 'tests/data', `pair_${index}.png`)));
  }
  const whole = { ...pair, whole: interpolate('pair', 8, 2) };
  const close = {
    ...whole,
    cropped: node('ImageCrop', { image: ['whole', 0], ...CAR }),
    close: node('ImageScale', {
      image: ['cropped', 0], upscale_method: 'lanczos', width: 448, height: 256, crop: 'disabled',
    }),
  };
  // The examples have names of their own; a file that is missing when they are opened is an error.
  for (const [workflow, images, ...names] of [
    [whole, 'whole', 'wan_16fps.mp4', 'clip.mp4', 'loop.mp4'], [close, 'close', 'close_16fps.mp4'],
  ]) {
    const made = await frontEnd.make({ ...workflow, exported: exportVideo(images, 16) }, 'exported');
    for (const name of names) await frontEnd.upload(name, made);
  }
}

const frontEnd = await FrontEnd.start(url);
await prepare(frontEnd);
for (const [name, take] of Object.entries(SCREENS)) {
  if (!wanted.length || wanted.includes(name)) await take(frontEnd, name);
}
await frontEnd.browser.close();
