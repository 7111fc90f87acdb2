// The interface in English and Japanese, and how times, sizes and numbers are written.

const EN = {
  skip: "Skip to the content", find: "Find", library: "Library", keys: "Keyboard", api: "API",
  ask: "Describe the scene you remember", askExample: "e.g. the red car explodes, or a line of dialogue",
  homeTitle: "Find the scene, not the file", homeText: "Say what you remember: what was shown, said or written. Get the moment, and take the clip.",
  recent: "Recent questions", forget: (q) => `Forget “${q}”`, latest: "Latest videos", all: "All videos",
  results: (q) => `Scenes for “${q}”`, choices: "How to search",
  mode: "How sure", recall: "Miss nothing", balanced: "Balanced", precision: "Only sure hits",
  effort: "How hard to look", fast: "Fast", standard: "Normal", thorough: "Thorough",
  filters: "Filters", collection: "Collection", anyCollection: "All collections", language: "Language", anyLanguage: "Any language", speaker: "Speaker", since: "Added from", until: "Added until",
  tag: "Tag", anyTag: "Any tag", where: "Found in", anywhere: "Anywhere", clear: "Clear filters", clearOne: "Remove this filter", onlyVideo: "Only in this video",
  said: "Said", shown: "Shown", written: "Written", scenes: "Scenes", summary: "Summary",
  searching: "Searching…", lookingIn: "Looking in",
  found: (n, files, seconds) => `${n} ${n === 1 ? "scene" : "scenes"} in ${files} ${files === 1 ? "video" : "videos"} · ${seconds} s`,
  nearest: "Nothing here seems to answer that. This came nearest:", nothing: "No scene found", nothingText: "Here is what you can try:", tryRecall: "Search with “Miss nothing”", tryFilters: "Remove the filters", tryQuotes: "Search without the quotation marks", tryWords: "Use other words for what was seen or said",
  emptyLibrary: "There are no videos yet", emptyLibraryText: "Add some, and search them as soon as their first minutes are read.", addVideos: "Add videos",
  degraded: (why) => `Quick answer only: ${why}`, truncated: "With these filters there may be more scenes than are shown.", again: "Try again", more: "Show more scenes",
  failed: "The search failed", unreachable: "The server does not answer. Check the connection, or load the page again.", answered: (status) => `The server cannot answer just now (${status}).`, notLoaded: "This could not be loaded", brokenOff: "The answer broke off before its end.", ungrounded: "Not confirmed by the text", openScene: (title, time) => `${title}, ${time}`, cuts: "Cut differently:",
  back: "Back to the results", noVideo: "This video is not there", noVideoText: "It may have been deleted, or you may not see it.", toLibrary: "Go to the library",
  play: "Play", pause: "Pause", mute: "Sound off", unmute: "Sound on", captions: "Captions", loop: "Loop the scene", fullscreen: "Full screen", speed: "Speed", position: "Position in the video",
  previousHit: "Previous scene", nextHit: "Next scene", playOn: "Play on", replay: "Play the scene again", sceneEnded: "The scene ends here",
  cannotPlay: "This video cannot be played here. You can still export the scene.",
  take: "Take it away", from: "From", to: "To", setHere: "here", playClip: "Play the clip", copyLink: "Copy its link", copied: "The link to this clip is copied", clip: "Clip", exact: "Exact to the frame", lossless: "Lossless, from the keyframe before", still: "Still of this moment", subtitles: "Subtitles", editors: "For editors", textLines: "Text",
  preparing: "Preparing the export…", preparingShare: (percent) => `Preparing the export: ${percent}%`, saved: (name) => `Saved ${name}`, downloading: (name) => `Ready: the browser is downloading ${name}`, right: "Right scene", wrong: "Wrong scene", thanks: "Thank you. Noted with your question.",
  timecode: (first) => `source timecode from ${first}`, important: "Important scenes", hits: "Hits", noEntries: "Nothing here.", why: "Why it matches", about: "About this video",
  drop: "Drop videos here", dropText: "or choose files. An interrupted upload goes on where it was.", choose: "Choose files", into: "Into the collection", saidOfThem: "Language and tags", languageHeard: "As heard", tags: "Tags", tagsExample: "e.g. trailer, 2026", filterVideos: "Filter by title, collection or tag", queued: "Waiting for its turn", newCollection: "New collection…", newCollectionName: "Name of the new collection",
  uploading: (percent, left) => `Uploading ${percent}${left ? `, ${left}` : ""}`, waitingNet: "Connection lost: goes on by itself", uploaded: "Uploaded, will be read now", subtitlesWait: "Uploaded, waits for a video of this name", uploadAgain: "Choose the file again to go on", cancel: "Cancel", refused: (why) => `Refused: ${why}`, storageSays: (status) => `the storage answered ${status}`,
  left: (time) => `about ${time} left`,
  state: { waiting: "Waiting", splitting: "Being cut into pieces", extracting: "Being read", assembling: "Being put together", ready: "Ready", failed: "Failed", removing: "Being removed" },
  batch: "waits for a batch job (half price, within a day)",
  stage: { visual_info: "pictures", transcription: "speech", texts: "on-screen text" },
  gaps: (n) => `${n} ${n === 1 ? "part" : "parts"} could not be read`, gap: (part, what, why) => `${typeof part === "number" ? `Part ${part}` : part}, ${what}: ${why}`, everything: "everything",
  open: "Open", details: "Details", storyboard: "Storyboard", metadata: "Metadata text", remove: "Delete", removed: (title) => `Deleted “${title}”`, undo: "Undo",
  cost: "Cost", costText: (usd, compute) => `${usd} for models, ${compute} of computing`, size: "Size", length: "Length", added: "Added", close: "Close", videos: (n) => `${n} ${n === 1 ? "video" : "videos"}`,
  retried: "Trying again", offline: "The server does not answer. Trying again…",
  keysTitle: "Keyboard", keysList: [["/", "to the search box"], ["↑ ↓", "from scene to scene"], ["Enter", "open the scene"], ["J K L", "back 10 s, play or pause, on 10 s"], ["← →", "5 s back or on"], [", .", "one frame back or on"], ["N P", "next or previous scene"], ["I O", "start or end of the clip here"], ["R", "loop the scene"], ["C M F", "captions, sound, full screen"], ["Esc", "back to the results"]],
};

const JA = {
  skip: "本文へ移動", find: "検索", library: "ライブラリ", keys: "キーボード操作", api: "API",
  ask: "覚えている場面を言葉で入力", askExample: "例：赤い車が爆発する、またはセリフの一部",
  homeTitle: "ファイルではなく、場面を探す", homeText: "見えたもの、話されたこと、書かれていたことを入力してください。その瞬間へ移動し、クリップとして保存できます。",
  recent: "最近の検索", forget: (q) => `「${q}」を履歴から消す`, latest: "新しい動画", all: "すべての動画",
  results: (q) => `「${q}」の場面`, choices: "検索方法",
  mode: "確かさ", recall: "漏れなく", balanced: "バランス", precision: "確実なものだけ",
  effort: "探し方", fast: "速く", standard: "標準", thorough: "じっくり",
  filters: "絞り込み", collection: "コレクション", anyCollection: "すべてのコレクション", language: "言語", anyLanguage: "すべての言語", speaker: "話者", since: "追加日（から）", until: "追加日（まで）",
  tag: "タグ", anyTag: "すべてのタグ", where: "見つかる場所", anywhere: "どこでも", clear: "絞り込みを解除", clearOne: "この絞り込みを解除", onlyVideo: "この動画の中だけ",
  said: "音声", shown: "映像", written: "文字", scenes: "場面", summary: "要約",
  searching: "検索中…", lookingIn: "調べている動画",
  found: (n, files, seconds) => `${files} 本の動画に ${n} 件の場面 · ${seconds} 秒`,
  nothing: "場面が見つかりません", nothingText: "次のことを試してください。", tryRecall: "「漏れなく」で検索する", tryFilters: "絞り込みを解除する", tryQuotes: "引用符なしで検索する", tryWords: "見たもの、聞いたことを別の言葉で書く",
  emptyLibrary: "動画がまだありません", emptyLibraryText: "動画を追加すると、最初の数分が読み取られた時点から検索できます。", addVideos: "動画を追加",
  nearest: "お探しの場面は見つかりませんでした。近いものはこちらです：",
  degraded: (why) => `簡易検索の結果です：${why}`, truncated: "この絞り込みでは、表示されていない場面があるかもしれません。", again: "再試行", more: "さらに表示",
  failed: "検索できませんでした", unreachable: "サーバーが応答しません。接続を確認するか、ページを読み込み直してください。", answered: (status) => `サーバーが今は応答できません（${status}）。`, notLoaded: "読み込めませんでした", brokenOff: "回答が途中で途切れました。", ungrounded: "本文での裏付けなし", openScene: (title, time) => `${title}、${time}`, cuts: "別の切り出し：",
  back: "検索結果に戻る", noVideo: "この動画はありません", noVideoText: "削除されたか、閲覧できない動画です。", toLibrary: "ライブラリへ",
  play: "再生", pause: "一時停止", mute: "消音", unmute: "音を出す", captions: "字幕", loop: "場面を繰り返す", fullscreen: "全画面", speed: "速度", position: "動画の位置",
  previousHit: "前の場面", nextHit: "次の場面", playOn: "続きを再生", replay: "場面をもう一度", sceneEnded: "場面はここまでです",
  cannotPlay: "この動画はここでは再生できません。書き出しはできます。",
  take: "書き出し", from: "開始", to: "終了", setHere: "現在位置", playClip: "クリップを再生", copyLink: "リンクをコピー", copied: "このクリップへのリンクをコピーしました", clip: "クリップ", exact: "フレーム単位で正確に", lossless: "無劣化（直前のキーフレームから）", still: "この瞬間の静止画", subtitles: "字幕", editors: "編集ソフト用", textLines: "テキスト",
  preparing: "書き出しています…", preparingShare: (percent) => `書き出しています: ${percent}%`, saved: (name) => `${name} を保存しました`, downloading: (name) => `準備できました。${name} をダウンロードしています`, right: "正しい場面", wrong: "違う場面", thanks: "ありがとうございます。質問と一緒に記録しました。",
  timecode: (first) => `元のタイムコード ${first} から`, important: "重要な場面", hits: "検索結果", noEntries: "ここには何もありません。", why: "一致した理由", about: "この動画について",
  drop: "ここに動画をドロップ", dropText: "またはファイルを選択。中断したアップロードは続きから再開します。", choose: "ファイルを選択", into: "追加先のコレクション", saidOfThem: "言語とタグ", languageHeard: "音声から判断", tags: "タグ", tagsExample: "例：予告編, 2026", filterVideos: "タイトル・コレクション・タグで絞り込む", queued: "順番待ち", newCollection: "新しいコレクション…", newCollectionName: "新しいコレクションの名前",
  uploading: (percent, left) => `アップロード中 ${percent}${left ? `、${left}` : ""}`, waitingNet: "接続が切れました。自動的に再開します", uploaded: "アップロード完了。まもなく読み取りを始めます", subtitlesWait: "アップロード完了。同じ名前の動画を待っています", uploadAgain: "同じファイルを選び直すと再開します", cancel: "中止", refused: (why) => `受け付けられません：${why}`, storageSays: (status) => `ストレージの応答：${status}`,
  left: (time) => `残り約 ${time}`,
  state: { waiting: "待機中", splitting: "分割中", extracting: "読み取り中", assembling: "まとめ中", ready: "準備完了", failed: "失敗", removing: "削除中" },
  batch: "バッチ処理を待っています（半額、1日以内）",
  stage: { visual_info: "映像", transcription: "音声", texts: "画面の文字" },
  gaps: (n) => `読み取れなかった部分が ${n} か所あります`, gap: (part, what, why) => `${typeof part === "number" ? `部分 ${part}` : part}、${what}：${why}`, everything: "すべて",
  open: "開く", details: "詳細", storyboard: "絵コンテ", metadata: "メタデータ", remove: "削除", removed: (title) => `「${title}」を削除しました`, undo: "元に戻す",
  cost: "費用", costText: (usd, compute) => `モデル ${usd}、計算時間 ${compute}`, size: "サイズ", length: "長さ", added: "追加日", close: "閉じる", videos: (n) => `動画 ${n} 本`,
  retried: "再試行しています", offline: "サーバーが応答しません。再試行しています…",
  keysTitle: "キーボード操作", keysList: [["/", "検索欄へ"], ["↑ ↓", "前後の場面へ"], ["Enter", "場面を開く"], ["J K L", "10 秒戻る、再生・停止、10 秒進む"], ["← →", "5 秒戻る・進む"], [", .", "1 フレーム戻る・進む"], ["N P", "次・前の場面"], ["I O", "クリップの開始・終了を現在位置に"], ["R", "場面を繰り返す"], ["C M F", "字幕、音声、全画面"], ["Esc", "検索結果に戻る"]],
};

/** The languages of the page, in the order in which the button goes through them. */
const LANGUAGES = { en: { name: "English", words: EN }, ja: { name: "日本語", words: JA } };
const CODES = Object.keys(LANGUAGES);

export const language = [localStorage.getItem("language"), ...navigator.languages].map((tag) => tag?.split("-")[0]).find((code) => CODES.includes(code)) ?? "en";
export const words = LANGUAGES[language].words;
/** The language that the button changes to: its code and its own name for itself. */
export const nextLanguage = ((code) => ({ code, name: LANGUAGES[code].name }))(CODES[(CODES.indexOf(language) + 1) % CODES.length]);
export const SECTION = { transcription: words.said, visual_info: words.shown, texts: words.written, important_scenes: words.scenes, summary: words.summary };

export function switchLanguage() {
  localStorage.setItem("language", nextLanguage.code);
  location.reload();
}

/** `M:SS`, `H:MM:SS`. */
export function clock(seconds) {
  const all = Math.max(0, Math.floor(seconds + 1e-6));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, String(all % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** `1:02.345` for fields that people edit. */
export function exactClock(seconds) {
  const ms = Math.round(Math.max(0, seconds) * 1000);
  return `${clock(Math.floor(ms / 1000))}.${String(ms % 1000).padStart(3, "0")}`;
}

/** Seconds of what a person wrote (`1:02.5`, `62.5`), or NaN. */
export function parseClock(text) {
  const found = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)$/.exec(text.trim());
  return found ? Number(found[1] ?? 0) * 3600 + Number(found[2] ?? 0) * 60 + Number(found[3]) : NaN;
}

/** "3 minutes", 「3 分」. */
export function duration(seconds) {
  const [value, unit] = seconds < 90 ? [Math.max(1, Math.round(seconds)), "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 360) / 10, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

export const percent = (share) => new Intl.NumberFormat(language, { style: "percent" }).format(share);
export const dollars = (amount) => new Intl.NumberFormat(language, { style: "currency", currency: "USD", maximumFractionDigits: amount < 1 ? 4 : 2 }).format(amount);
export const list = (items) => new Intl.ListFormat(language, { type: "conjunction" }).format(items);
export const date = (iso) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(iso));
export const languageName = (code) => { try { return new Intl.DisplayNames(language, { type: "language" }).of(code); } catch { return code; } };

export function bytes(count) {
  const [value, unit] = count >= 1e9 ? [count / 1e9, "gigabyte"] : count >= 1e6 ? [count / 1e6, "megabyte"] : [count / 1e3, "kilobyte"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(value);
}
