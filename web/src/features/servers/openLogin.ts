import { beginLogin, type Where } from "../../api/servers";

/**
 * openLogin opens the way to a server's login in a tab of its own. The tab is opened at once, since a browser lets only a
 * press of a button do that.
 */
export async function openLogin(s: Where): Promise<void> {
  const tab = window.open("about:blank");
  try {
    const { url } = await beginLogin(s);
    if (url && !tab) throw new Error(`the browser opened no tab; allow this page to do that, or run: mcpmux server login ${s.alias}`);
    if (url) tab?.location.replace(url);
    else tab?.close();
  } catch (err) {
    tab?.close();
    throw err;
  }
}
