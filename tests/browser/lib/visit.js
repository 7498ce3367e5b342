// One visit of a user: a fresh profile, a page of the site, and what the page sends.
import { chromium } from "playwright-core";
import { facts, ticketEndpoint, until } from "./facts.js";
import { signedYesterday } from "./s3.js";
import { watch } from "./wire.js";

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Chromium with a new profile in a temporary folder. */
export function launch() {
  return chromium.launch({ executablePath: process.env.STOWAGE_CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
}

/** The same as `{ visit(subject, setup), close() }`, with pages of `origin`. */
export async function startBrowser(origin) {
  const browser = await launch();
  return { visit: (subject, setup) => Visit.start(browser, origin, subject, setup), close: () => browser.close() };
}

/** A user of their own, with one page and one setup; see `page/page.js` for what it understands. */
class Visit {
  static async start(browser, origin, subject, setup) {
    const visit = new Visit();
    const { mode, form } = subject;
    visit.setup = { mode, form, api: facts.api_url, token: facts.tokens.user, limit: 3, ...setup };
    if (subject.endpoint) {
      const url = subject.mode === "ticket" ? await ticketEndpoint() : `${facts.api_url}/api/v1`;
      visit.setup.endpoint = { option: subject.endpoint, url };
    }
    // A companion endpoint carries the right to upload in its path: the token stays with the application.
    if (subject.mode === "ticket") delete visit.setup.token;
    visit.context = await browser.newContext();
    await visit.context.exposeFunction("signedYesterday", signedYesterday);
    visit.page = await visit.context.newPage();
    visit.wire = watch(visit.page);
    await visit.page.goto(`${origin}/${subject.folder}`);
    return visit;
  }

  /** Adds the files and starts; `resumed` where the page has reloaded itself in the middle. */
  async begin({ resumed = false } = {}) {
    await this.page.evaluate(([setup, resumed]) => window.stowage.open(setup, resumed), [this.setup, resumed]);
    await this.page.evaluate(() => window.stowage.begin());
  }

  /** Adds the files, uploads, and waits for the end. */
  async upload() {
    await this.begin();
    return this.outcome();
  }

  resume() {
    return this.page.evaluate(() => window.stowage.resume());
  }

  retry() {
    return this.page.evaluate(() => window.stowage.retry());
  }

  state() {
    return this.page.evaluate(() => window.stowage.state());
  }

  /** How the upload ended: `{ uploaded, failed }`, with the errors that were shown. */
  async outcome() {
    const state = await until("the upload to end", async () => {
      const state = await this.state();
      return state.outcome ? state : undefined;
    }, { seconds: 180 });
    await this.wire.settled();
    return { ...state.outcome, failures: state.failures };
  }

  close() {
    return this.context.close();
  }
}
