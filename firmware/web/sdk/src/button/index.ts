/** The script of one tag: brings `<causeway-call>` to the page that loads it. */

import { causewayCall } from './element';

const FILE = /\/sdk\/v1\/button\.js(?:[?#]|$)/;

/** The box that served this script; nothing where a bundler has packed it. A module script has no `currentScript`. */
function servedBy(): string | undefined {
  const current = document.currentScript as HTMLScriptElement | null;
  const script = current ?? [...document.scripts].find(({ src }) => FILE.test(src));
  return script?.src && FILE.test(script.src) ? new URL('/', script.src).href : undefined;
}

// A page may have the tag twice.
if (!customElements.get('causeway-call')) customElements.define('causeway-call', causewayCall(servedBy()));
