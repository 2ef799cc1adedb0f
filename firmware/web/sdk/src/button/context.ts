/**
 * What travels with a call of the button: only what the page's owner allowed by the attribute `context`, and what the
 * owner wrote into `data-context-…` and the property. It never costs the visitor the call: what does not fit is left out.
 */

import { CONTEXT_LIMIT } from '../protocol';

/** What may be collected, all of it when the attribute is absent. */
const ALLOWED = ['page', 'title', 'referrer', 'language'];
const OWN = 'data-context-';

/** The context of a call, the keys that the limit of the protocol left out, and whether the page's address may be told. */
export function collect(
  element: Element,
  property: Record<string, unknown> | undefined,
  language: string,
): { context: Record<string, unknown>; left: string[]; namesPage: boolean } {
  const attribute = element.getAttribute('context');
  const allowed = new Set(attribute === null ? ALLOWED : attribute.split(/[\s,]+/));
  const wanted: [string, unknown][] = Object.entries(property ?? {});
  for (const { name, value } of element.attributes) {
    if (name.startsWith(OWN) && name.length > OWN.length) wanted.push([name.slice(OWN.length), value]);
  }
  const page: Record<string, string> = {};
  if (allowed.has('page')) page['url'] = location.href.slice(0, 2048);
  if (allowed.has('title')) page['title'] = document.title.slice(0, 256);
  if (allowed.has('referrer')) page['referrer'] = document.referrer.slice(0, 1024);
  if (allowed.has('language')) wanted.push(['language', language]);
  if (Object.keys(page).length > 0) wanted.push(['page', page]);

  const context: Record<string, unknown> = {};
  const left: string[] = [];
  for (const [key, value] of wanted) {
    // What the owner says goes before what is collected.
    if (value === undefined || Object.hasOwn(context, key)) continue;
    if (fits({ ...context, [key]: value })) context[key] = value;
    else left.push(key);
  }
  return { context, left, namesPage: allowed.has('page') };
}

function fits(context: object): boolean {
  try {
    return new TextEncoder().encode(JSON.stringify(context)).length <= CONTEXT_LIMIT;
  } catch {
    return false; // a cycle, or a value JSON has not
  }
}
