// As much of a page as the button's element touches: a tree of elements, attributes, focus and clicks. Nothing is drawn.

class FakeNode extends EventTarget {
  parent = null;
  children = [];
  text = '';

  append(...nodes) {
    for (const node of nodes) this.#take(typeof node === 'string' ? Object.assign(new FakeNode(), { text: node }) : node);
  }
  replaceChildren(...nodes) {
    for (const child of [...this.children]) child.remove();
    this.append(...nodes);
  }
  remove() {
    if (!this.parent) return;
    this.parent.children = this.parent.children.filter((child) => child !== this);
    this.parent = null;
    for (const node of walk(this)) node.disconnectedCallback?.();
  }
  get isConnected() {
    for (let at = this; at; at = at.parent ?? at.host) if (at === globalThis.document?.body) return true;
    return false;
  }
  get textContent() {
    return this.text + this.children.map((child) => child.textContent).join('');
  }
  set textContent(text) {
    this.children = [];
    this.text = text;
  }
  getRootNode() {
    let at = this;
    while (at.parent) at = at.parent;
    return at;
  }
  #take(node) {
    node.parent?.children.splice(node.parent.children.indexOf(node), 1);
    node.parent = this;
    this.children.push(node);
    if (this.isConnected) for (const one of walk(node)) one.connectedCallback?.();
  }
}

function* walk(node) {
  yield node;
  for (const child of node.children) yield* walk(child);
}

class FakeElement extends FakeNode {
  #attributes = new Map();
  shadowRoot = null;
  hidden = false;
  className = '';
  style = {};
  dataset = {};
  srcObject = null;

  getAttribute(name) {
    return this.#attributes.get(name) ?? null;
  }
  setAttribute(name, value) {
    this.#attributes.set(name, String(value));
    if (this.constructor.observedAttributes?.includes(name)) this.attributeChangedCallback?.();
  }
  removeAttribute(name) {
    this.#attributes.delete(name);
  }
  hasAttribute(name) {
    return this.#attributes.has(name);
  }
  toggleAttribute(name, on) {
    if (on) this.setAttribute(name, '');
    else this.removeAttribute(name);
  }
  get attributes() {
    return [...this.#attributes].map(([name, value]) => ({ name, value }));
  }
  get childElementCount() {
    return this.children.filter((child) => child instanceof FakeElement).length;
  }
  get classList() {
    return { toggle: () => undefined };
  }
  closest() {
    for (let at = this; at; at = at.parent) if (at.getAttribute?.('lang')) return at;
    return null;
  }
  attachShadow() {
    return (this.shadowRoot = Object.assign(new FakeShadowRoot(), { host: this }));
  }
  getClientRects() {
    for (let at = this; at; at = at.parent) if (at.hidden) return [];
    return [{}];
  }
  focus() {
    this.getRootNode().activeElement = this;
  }
  click() {
    this.dispatchEvent(new Event('click'));
  }
}

class FakeShadowRoot extends FakeNode {
  activeElement = null;
  adoptedStyleSheets = [];
  /** The element whose attribute `part` has this word. */
  part(name) {
    for (const node of walk(this)) if (node.getAttribute?.('part')?.split(' ').includes(name)) return node;
    throw new Error(`there is no part ${name}`);
  }
}

/** Puts the fakes where a browser has the real ones, and brings the element. */
export async function installPage() {
  const registry = new Map();
  const body = new FakeElement();
  const documentElement = new FakeElement();
  documentElement.setAttribute('lang', 'en');
  body.parent = documentElement;
  Object.assign(globalThis, {
    HTMLElement: FakeElement,
    HTMLSelectElement: class extends FakeElement {},
    HTMLMediaElement: class extends FakeElement {},
    ShadowRoot: FakeShadowRoot,
    CSSStyleSheet: class {
      replaceSync() {}
    },
    MutationObserver: class {
      observe() {}
      disconnect() {}
    },
    addEventListener() {},
    removeEventListener() {},
    customElements: { get: (name) => registry.get(name), define: (name, made) => registry.set(name, made) },
    location: { href: 'https://shop.example/kettle', origin: 'https://shop.example' },
    document: {
      body,
      documentElement,
      title: 'Kettles',
      referrer: 'https://search.example/',
      scripts: [{ src: 'https://box.example:8443/sdk/v1/button.js' }],
      currentScript: null,
      createElement: () => new FakeElement(),
      createElementNS: () => new FakeElement(),
      addEventListener() {},
      removeEventListener() {},
    },
  });
  await import('../dist/button.js');
  return {
    body,
    documentElement,
    /** An element with these attributes, in the page. */
    button(attributes = {}, content = '') {
      const element = new (registry.get('causeway-call'))();
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      element.textContent = content;
      body.append(element);
      return element;
    },
  };
}
