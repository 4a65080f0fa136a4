"use strict";
(() => {
  const limited = (value) => Math.min(100, Math.max(0, value));

  for (const viewer of document.querySelectorAll(".viewer")) {
    const stage = viewer.querySelector(".stage");
    const handle = viewer.querySelector(".handle");
    const layers = [...stage.querySelectorAll("img")];
    const selects = { left: viewer.querySelector("select.left"), right: viewer.querySelector("select.right") };

    const move = (percent) => {
      const at = limited(percent);
      stage.style.setProperty("--at", at + "%");
      handle.setAttribute("aria-valuenow", Math.round(at));
    };
    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      move(100 * (event.clientX - box.left) / box.width);
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      try { stage.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
      stage.dataset.held = "";
      follow(event);
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    stage.addEventListener("pointermove", (event) => { if ("held" in stage.dataset) follow(event); });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      stage.addEventListener(end, () => { delete stage.dataset.held; });
    }
    handle.addEventListener("keydown", (event) => {
      const now = Number(handle.getAttribute("aria-valuenow"));
      const step = event.shiftKey ? 10 : 2;
      const to = {
        ArrowLeft: now - step, ArrowDown: now - step, ArrowRight: now + step, ArrowUp: now + step,
        PageDown: now - 10, PageUp: now + 10, Home: 0, End: 100,
      }[event.key];
      if (to === undefined) return;
      move(to);
      event.preventDefault();
    });
    for (const side of ["left", "right"]) {
      selects[side].addEventListener("change", () => {
        layers.forEach((layer, index) => layer.classList.toggle(side, index === Number(selects[side].value)));
      });
    }
  }

  const tabs = [...document.querySelectorAll(".tabs button")];
  const choose = (chosen) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !selected;
    }
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: index - 1, ArrowRight: index + 1 }[event.key];
      if (to === undefined) return;
      const next = tabs[(to + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  });
})();
