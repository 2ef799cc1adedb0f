/** How the button looks. Everything that a page may want otherwise is a custom property or a part. */

const CSS = `
:host {
  --a: var(--causeway-accent, #0b5cd5);
  --on-a: var(--causeway-on-accent, #fff);
  --d: var(--causeway-danger, #b3261e);
  --on-d: var(--causeway-on-danger, #fff);
  --s: var(--causeway-surface, #fff);
  --t: var(--causeway-text, #1b1f24);
  --m: var(--causeway-muted, #57606a);
  --b: var(--causeway-border, #6e7781);
  --w: var(--causeway-warning, #7a4a00);
  --f: var(--causeway-focus, var(--t));
  --r: var(--causeway-radius, 14px);
  display: inline-block; max-width: 100%; vertical-align: middle;
}
@supports (color: light-dark(red, red)) {
  :host {
    --a: var(--causeway-accent, light-dark(#0b5cd5, #6cb0ff));
    --on-a: var(--causeway-on-accent, light-dark(#fff, #0b1420));
    --d: var(--causeway-danger, light-dark(#b3261e, #ff8a80));
    --on-d: var(--causeway-on-danger, light-dark(#fff, #2b0b08));
    --s: var(--causeway-surface, light-dark(#fff, #1c2128));
    --t: var(--causeway-text, light-dark(#1b1f24, #f0f3f6));
    --m: var(--causeway-muted, light-dark(#57606a, #adbac7));
    --b: var(--causeway-border, light-dark(#6e7781, #768390));
    --w: var(--causeway-warning, light-dark(#7a4a00, #ffcf7d));
  }
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.root {
  display: inline-flex; flex-direction: column; gap: 10px; max-width: 100%; color: var(--t);
  font: var(--causeway-font, 400 1rem/1.4 system-ui, sans-serif);
  text-align: start; text-transform: none; letter-spacing: normal; white-space: normal;
}
.root.open { width: 22rem; padding: 12px; background: var(--s); border: 1px solid var(--b); border-radius: var(--r); }
.bar { display: flex; align-items: center; gap: 12px; flex-wrap: wrap; }
.status { flex: 1 1 8rem; min-width: 0; }
.state { font-weight: 600; overflow-wrap: anywhere; }
.time { color: var(--m); font-variant-numeric: tabular-nums; }
button, select {
  font: inherit; color: var(--t); background: var(--s); min-height: 44px; min-width: 44px; padding: 8px 12px;
  border: 1px solid var(--b); border-radius: calc(var(--r) * .6); touch-action: manipulation;
}
button { display: inline-flex; align-items: center; justify-content: center; gap: 8px; cursor: pointer; -webkit-tap-highlight-color: transparent; }
button:active { filter: brightness(.9); }
button[aria-pressed=true], button[aria-expanded=true] { background: var(--t); color: var(--s); border-color: var(--t); }
.call { background: var(--a); color: var(--on-a); border-color: transparent; border-radius: 99px; padding: 10px 20px; font-weight: 600; }
.call.end { background: var(--d); color: var(--on-d); }
.call[aria-disabled=true] { background: var(--s); color: var(--m); border-color: var(--b); cursor: not-allowed; }
:focus-visible { outline: 3px solid var(--f); outline-offset: 2px; box-shadow: 0 0 0 2px var(--s); }
svg { width: 1.25em; height: 1.25em; flex: none; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
p { margin: 0; }
.message { color: var(--d); }
.hint { color: var(--w); }
.hint:empty { margin-block-start: -10px; }
.controls { display: flex; flex-wrap: wrap; gap: 8px; }
.controls button { flex: 1 1 auto; }
.meters { display: grid; gap: 4px; }
.meter { height: 6px; border-radius: 3px; overflow: hidden; border: 1px solid var(--b); }
.meter > span { display: block; height: 100%; background: var(--a); transform: scaleX(0); transform-origin: left; }
.meter > span:dir(rtl) { transform-origin: right; }
.keypad { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; direction: ltr; }
.devices { display: grid; gap: 8px; }
.devices label { display: grid; gap: 2px; color: var(--m); font-size: .875em; }
.devices select { font-size: 1rem; width: 100%; }
.pictures { position: relative; aspect-ratio: 4 / 3; background: #000; border-radius: calc(var(--r) * .6); overflow: hidden; }
.pictures video { display: block; width: 100%; height: 100%; object-fit: contain; }
.pictures .self { position: absolute; inset-block-end: 8px; inset-inline-end: 8px; width: 28%; height: auto; border-radius: 6px; transform: scaleX(-1); outline: 1px solid #fff; }
.fallback { overflow-wrap: anywhere; }
.ringing .call svg { animation: ring 1s ease-in-out infinite; }
@keyframes ring { 50% { transform: rotate(12deg); } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { .meter > span { background: Highlight; } button[aria-pressed=true], button[aria-expanded=true] { outline: 2px solid Highlight; } }
`;

let shared: CSSStyleSheet | undefined;

/** Styles a shadow root. A constructed sheet is no inline style: a page's `style-src` has nothing to allow. */
export function style(root: ShadowRoot): void {
  if ('adoptedStyleSheets' in root) {
    if (!shared) {
      shared = new CSSStyleSheet();
      shared.replaceSync(CSS);
    }
    root.adoptedStyleSheets = [shared];
    return;
  }
  // Browsers of before 2023.
  const element = document.createElement('style');
  element.textContent = CSS;
  (root as ShadowRoot).append(element);
}
