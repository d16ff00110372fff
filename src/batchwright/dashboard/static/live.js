// The stream of what is new. It ends while the page is hidden, and goes on where it was when the page is seen again.

import { sessionOf } from "/static/pages/dom.js";
import { t } from "./texts.js";

const RETRY = 2000;
const SILENCE = 20000;

/**
 * Follow the server.
 * `wanted` gives `{runs: [id], columns: [name] or null, table: true or false}`; `told` gets each event; `state` gets
 * what is the matter with the server, "" for nothing.
 */
export class Live {
  constructor(wanted, told, state) {
    this.wanted = wanted;
    this.told = told;
    this.state = state;
    this.places = {};
    this.source = null;
    this.heard = Date.now();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    addEventListener("pagehide", () => this.close());
    setInterval(() => this.#watch(), 2000);
    this.open();
  }

  /** Begin, or begin anew after what is wanted has changed; runs in `again` are wanted from their beginning. */
  open(again = []) {
    this.close();
    if (document.hidden || this.over) return;
    for (const id of again) delete this.places[id];
    const { runs, columns, table } = this.wanted();
    for (const id of Object.keys(this.places)) if (!runs.includes(id)) delete this.places[id];
    const query = new URLSearchParams();
    query.set("runs", runs.map((id) => (this.places[id] ? `${id}:${this.places[id]}` : id)).join(","));
    for (const name of columns ?? []) query.append("column", name);
    if (table) query.set("table", "1");
    this.heard = Date.now();
    this.source = new EventSource(`/api/follow?${query}`);
    for (const kind of ["table", "rows", "state", "progress", "alive"]) this.source.addEventListener(kind, (event) => this.#hear(kind, event));
    this.source.addEventListener("ended", (event) => this.#end(JSON.parse(event.data)));
    this.source.addEventListener("open", () => this.state(""));
    this.source.addEventListener("error", () => this.#lost());
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  #hear(kind, event) {
    this.heard = Date.now();
    this.state("");
    for (const part of event.lastEventId.split(",")) {
      const [id, place] = part.split(":");
      if (place) this.places[id] = place;
    }
    this.told(kind, JSON.parse(event.data));
  }

  /** The server has said that it ends: there is nothing to wait for. */
  #end({ again }) {
    this.over = true;
    this.close();
    this.state(t("over", { again }));
  }

  async #lost() {
    const closed = this.source?.readyState === EventSource.CLOSED;
    let refused = false;
    try {
      refused = (await fetch("/api/session")).status === 403;
    } catch {
      refused = false;
    }
    if (this.over) return;
    this.state(refused ? t("refused") : await this.#silent());
    if (closed && !document.hidden) {
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.open(), RETRY);
    }
  }

  async #silent() {
    const { again } = await sessionOf();
    return again ? t("waiting_beside", { again }) : t("waiting");
  }

  async #watch() {
    if (this.source && Date.now() - this.heard > SILENCE) {
      this.state(await this.#silent());
      this.open();
    }
  }
}
