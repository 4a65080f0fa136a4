// The queue and the two players. Asks the server, patches what has changed, and leaves alone what has the focus.
(() => {
  const WORDS = { waiting: "Waiting", running: "Working", paused: "Paused", stopped: "Stopped", done: "Done", failed: "Did not work" };
  const ACTIONS = {
    pause: "Pause", go_on: "Go on", stop: "Stop", up: "Earlier", down: "Later", remove: "Remove",
  };
  const seen = new Map();
  const shown = new Map();
  const $ = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  const bytes = (count) => (count >= 1e9 ? `${(count / 1e9).toPrecision(3)} GB` : count >= 1e6 ? `${(count / 1e6).toPrecision(3)} MB` : `${Math.max(1, Math.round(count / 1e3))} kB`);
  const time = (seconds) => (seconds < 60 ? "less than a minute" : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`);
  const say = (text) => { const live = document.getElementById("uf-live"); if (live) live.textContent = text; };

  function progressWords(job) {
    const words = [];
    if (job.files > 1) words.push(`${job.results.length} of ${job.files} files`);
    else if (job.done && job.state !== "done") words.push(job.frames ? `frame ${job.done} of ${job.frames}` : `frame ${job.done}`);
    else if (job.state === "running") words.push("starting: looking at the file");
    if (job.fps) words.push(`${job.fps} frames a second`);
    if (job.seconds_left !== null && job.seconds_left !== undefined && job.state === "running") words.push(`${time(job.seconds_left)} left`);
    if (job.model) words.push(job.device ? `${job.model} on ${job.device}` : job.model);
    if (job.size && job.output_size) words.push(`${job.size.join("×")} → ${job.output_size.join("×")}`);
    return words.join(" · ");
  }

  async function act(name, action, title) {
    const job = seen.get(name);
    if (action === "remove" && job && (job.results.length || job.state === "stopped") && !confirm(`Remove “${title}” and what was made of it?`)) return;
    const answer = await fetch(`upframe/jobs/${name}/${action}`, { method: "POST" });
    if (!answer.ok) say((await answer.json()).error);
    await refresh();
  }

  function look(name) {
    window.upframeLook = name;
    document.getElementById("uf-look")?.click();
    setTimeout(() => document.getElementById("uf-result")?.scrollIntoView({ behavior: "smooth" }), 1500);
  }

  function body(job) {
    const parts = [];
    if (job.reason) parts.push($("p", { class: "soft wide" }, `Model: ${job.reason}`));
    for (const failure of job.failures) {
      const what = [failure.error, failure.remedy ? $("br") : null, failure.remedy || null].filter((each) => each !== null);
      parts.push($("p", { class: "problem wide" }, ...what));
    }
    if (job.notes.length) parts.push($("ul", { class: "note wide" }, ...job.notes.map((note) => $("li", {}, note))));
    const actions = $("div", { class: "actions wide" });
    job.results.slice(0, 12).forEach((result, number) => {
      actions.append($("a", { class: "button main", href: `upframe/jobs/${job.name}/result/${number}?download=1`, download: result.file },
        `Download ${job.results.length > 1 ? result.file : ""} (${bytes(result.bytes)})`));
    });
    if (job.results.length) actions.append($("button", { type: "button", onclick: () => look(job.name), "aria-label": `Look at ${job.title}` }, "Look at it"));
    for (const action of job.actions) {
      actions.append($("button", { type: "button", "data-action": action, "aria-label": `${ACTIONS[action]}: ${job.title}`, onclick: () => act(job.name, action, job.title) }, ACTIONS[action]));
    }
    parts.push(actions);
    const folder = job.results.length ? $("p", { class: "soft" }, `In the folder ${job.folder}`) : null;
    parts.push($("details", { class: "wide" }, $("summary", {}, "The same as a command"), $("code", { tabindex: "0" }, job.command), folder));
    return parts;
  }

  function card(job) {
    const made = $("article", { class: "uf-card uf-job", "data-name": job.name, "aria-label": job.title });
    made.append($("h3", {}, job.title), $("span", { class: "state" }), $("progress", { class: "wide", max: "1", "aria-label": `Progress of ${job.title}` }),
      $("p", { class: "soft wide words" }), $("img", { class: "now wide", alt: "The frame that is being made", hidden: "" }), $("div", { class: "wide rest" }));
    return made;
  }

  function patch(element, job) {
    element.dataset.state = job.state;
    element.querySelector(".state").textContent = WORDS[job.state];
    const bar = element.querySelector("progress");
    bar.hidden = !["running", "paused", "stopped"].includes(job.state);
    if (job.share === null) bar.removeAttribute("value"); else bar.value = job.share;
    element.querySelector(".words").textContent = progressWords(job);
    const image = element.querySelector(".now");
    const made = job.files > 1 ? job.results.length : job.done;
    const busy = ["running", "paused"].includes(job.state) && made;
    const last = shown.get(job.name) || { at: 0, done: -1 };
    if (busy && made !== last.done && Date.now() - last.at > 4000) {
      shown.set(job.name, { at: Date.now(), done: made });
      image.onload = () => { image.hidden = false; };
      image.onerror = () => { image.hidden = true; };
      image.src = `upframe/jobs/${job.name}/now?frame=${made}`;
    }
    if (!busy) image.hidden = true;
    const { share, done, fps, seconds_left, ...slow } = job;
    const key = JSON.stringify(slow);
    if (element.dataset.key === key) return;
    element.dataset.key = key;
    const focus = element.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    const open = element.querySelector("details")?.open;
    element.querySelector(".rest").replaceChildren(...body(job));
    if (open) element.querySelector("details").open = true;
    if (focus !== null) (element.querySelector(`[data-action="${focus}"]`) || element.querySelector("button"))?.focus();
  }

  function render(jobs) {
    const list = document.getElementById("uf-jobs");
    for (const job of jobs) {
      const before = seen.get(job.name);
      if (before && before.state !== job.state) say(`${job.title}: ${WORDS[job.state]}`);
      seen.set(job.name, job);
    }
    if (!list) return;
    const names = new Set(jobs.map((job) => job.name));
    for (const element of [...list.querySelectorAll(".uf-job")]) if (!names.has(element.dataset.name)) element.remove();
    let place = list.firstElementChild;
    for (const job of jobs) {
      let element = list.querySelector(`[data-name="${job.name}"]`);
      if (!element) element = card(job);
      if (element !== place) list.insertBefore(element, place); else place = place.nextElementSibling;
      patch(element, job);
    }
    const nothing = document.getElementById("uf-nothing");
    if (nothing) nothing.hidden = jobs.length > 0;
  }

  async function refresh() {
    try {
      const answer = await fetch("upframe/jobs");
      if (answer.ok) render(await answer.json());
      document.getElementById("uf-lost")?.setAttribute("hidden", "");
    } catch {
      document.getElementById("uf-lost")?.removeAttribute("hidden");
    }
  }

  async function watch() {
    await refresh();
    setTimeout(watch, document.hidden ? 5000 : 1000);
  }

  // Two players in step: what is done to one is done to the other.
  document.addEventListener("play", (event) => both(event, (other) => other.play()), true);
  document.addEventListener("pause", (event) => both(event, (other) => other.pause()), true);
  document.addEventListener("seeked", (event) => both(event, (other, own) => {
    if (Math.abs(other.currentTime - own.currentTime) > 0.08) other.currentTime = own.currentTime;
  }), true);
  document.addEventListener("ratechange", (event) => both(event, (other, own) => { if (other.playbackRate !== own.playbackRate) other.playbackRate = own.playbackRate; }), true);
  document.addEventListener("error", (event) => {
    if (event.target.matches?.(".uf-players video")) event.target.closest("figure").querySelector(".cannot").hidden = false;
  }, true);
  function both(event, what) {
    if (!event.target.matches?.(".uf-players video")) return;
    for (const other of event.target.closest(".uf-players").querySelectorAll("video")) if (other !== event.target) what(other, event.target);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch); else watch();
})();
