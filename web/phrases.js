// What nodes say of their work, in the languages of the front end.
//
// The server sends English: phrases with " · " between them (Outcome.phrases in nodes/support/progress.py).
// What is not listed here stays as it is, such as the name of a file.

const UNITS = { zh: { h: "小时", min: "分", s: "秒" }, ja: { h: "時間", min: "分", s: "秒" } };

const PHRASES = {
  zh: [
    [/^((?:\S+ → )?\d+) frames?$/, (count) => `${count} 帧`],
    [/^(\d+) redrawn$/, (count) => `重绘 ${count} 帧`],
    [/^([\d.]+) s of video$/, (seconds) => `视频长 ${seconds} 秒`],
    [/^([\d.]+) frames per second$/, (speed) => `每秒 ${speed} 帧`],
    [/^resumed at frame (\d+)$/, (frame) => `从第 ${frame} 帧继续`],
    [/^took (.+)$/, (time, duration) => `用时 ${duration(time)}`],
    [/^(\d+\/\d+), about (.+) left$/, (done, left, duration) => `${done}，还需约 ${duration(left)}`],
    [/^(\d+) frames so far$/, (count) => `已完成 ${count} 帧`],
    [/^stopped at (\S+)$/, (done) => `停在 ${done}`],
    [/^(\w+) (\S+) was ignored: the video has (\S+) fps$/,
      (name, typed, rate) => `已忽略 ${name} ${typed}：视频是 ${rate} fps`],
    [/^transparency was left out: preset (\S+) has none$/, (preset) => `未保留透明度：预设 ${preset} 不支持`],
    [/^sound was left out: the speed varies$/, () => "未保留声音：速度有变化"],
    [/^(audio|video: its sound) was left out: (.+)$/, (name, why) => `未使用声音（${name}）：${why}`],
    [/^(.+): (\d+) of (\d+) samples are NaN or infinite, and were made silent$/,
      (name, damaged, all) => `${name}：${all} 个采样中有 ${damaged} 个是 NaN 或无穷大，已改为静音`],
    [/^a single picture\. /, () => "只有一张图片。若前一个节点以列表逐张给出图片，请在中间放 Rebatch Images，batch_size 不小于图片数"],
    [/^a frame of the part before is not shown again: parts? (.+)$/, (parts) => `前一段的帧不再重复显示：第 ${parts} 段`],
    [/^not matched, because another scene begins: parts? (.+)$/, (parts) => `因为换了场景，未做颜色匹配：第 ${parts} 段`],
    [/^no cuts$/, () => "没有切点"],
    [/^(\d+) cuts?$/, (count) => `${count} 个切点`],
    [/^frame (\d+) of 0 to (\d+)$/, (frame, last) => `第 ${frame} 帧（0 到 ${last}）`],
    [/^mean difference (.+)$/, (difference) => `平均差异 ${difference}`],
    [/^take (.+)$/, (setting) => `建议选用 ${setting}`],
    [/^(\d+) of (\d+) places(?:; .+)?$/, (count, all) => `取 ${all} 处中的 ${count} 处`],
  ],
  ja: [
    [/^((?:\S+ → )?\d+) frames?$/, (count) => `${count} フレーム`],
    [/^(\d+) redrawn$/, (count) => `${count} フレームを描き直し`],
    [/^([\d.]+) s of video$/, (seconds) => `動画 ${seconds} 秒`],
    [/^([\d.]+) frames per second$/, (speed) => `毎秒 ${speed} フレーム`],
    [/^resumed at frame (\d+)$/, (frame) => `フレーム ${frame} から再開`],
    [/^took (.+)$/, (time, duration) => `所要時間 ${duration(time)}`],
    [/^(\d+\/\d+), about (.+) left$/, (done, left, duration) => `${done}、残り約 ${duration(left)}`],
    [/^(\d+) frames so far$/, (count) => `${count} フレーム完了`],
    [/^stopped at (\S+)$/, (done) => `${done} で停止`],
    [/^(\w+) (\S+) was ignored: the video has (\S+) fps$/,
      (name, typed, rate) => `${name} ${typed} は使われませんでした。動画は ${rate} fps です`],
    [/^transparency was left out: preset (\S+) has none$/,
      (preset) => `透明度は保存されません。プリセット ${preset} にはありません`],
    [/^sound was left out: the speed varies$/, () => "速度が変化するため音声はありません"],
    [/^(audio|video: its sound) was left out: (.+)$/, (name, why) => `音声（${name}）は使われませんでした：${why}`],
    [/^(.+): (\d+) of (\d+) samples are NaN or infinite, and were made silent$/,
      (name, damaged, all) => `${name}：${all} サンプル中 ${damaged} 個が NaN または無限大のため、無音にしました`],
    [/^a single picture\. /, () => "画像は 1 枚だけです。前のノードが画像をリストで 1 枚ずつ渡す場合は、間に Rebatch Images を置き、batch_size を枚数以上にしてください"],
    [/^a frame of the part before is not shown again: parts? (.+)$/,
      (parts) => `前の部分のフレームは繰り返しません：部分 ${parts}`],
    [/^not matched, because another scene begins: parts? (.+)$/,
      (parts) => `別のシーンで始まるため色を合わせません：部分 ${parts}`],
    [/^no cuts$/, () => "カットなし"],
    [/^(\d+) cuts?$/, (count) => `${count} 個のカット`],
    [/^frame (\d+) of 0 to (\d+)$/, (frame, last) => `フレーム ${frame}（0 から ${last}）`],
    [/^mean difference (.+)$/, (difference) => `平均差 ${difference}`],
    [/^take (.+)$/, (setting) => `おすすめは ${setting}`],
    [/^(\d+) of (\d+) places(?:; .+)?$/, (count, all) => `${all} か所のうち ${count} か所`],
  ],
};

// A line in the language of a locale such as "zh" or "zh-TW"; in English where there is no other.
export function translate(line, locale) {
  const language = String(locale ?? "").split("-")[0];
  const phrases = PHRASES[language];
  if (!phrases) return line;
  const units = UNITS[language];
  const duration = (text) => text.replace(/ (h|min|s)\b/g, (_, unit) => ` ${units[unit]}`);
  return line.split(" · ").map((phrase) => {
    for (const [pattern, write] of phrases) {
      const match = phrase.match(pattern);
      if (match) return write(...match.slice(1), duration);
    }
    return phrase;
  }).join(" · ");
}
