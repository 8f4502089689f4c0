"""Play one scene with the page in Chromium, and print what was seen as JSON. Runs where playwright is installed.

Arguments: the scene, Chromium, the page's address, that of the API, and a token.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, sync_playwright

Seen = dict[str, Any]


def edit(page: Page) -> Seen:
    """Change a todo that was read, twice, and then one that somebody else has changed since."""
    with page.expect_response("**/todos/batch") as added:
        page.fill("#title", "bread")
        page.click("#add")
    told(page, "synced")
    seen: Seen = page.evaluate(
        """async () => {
            const { call, read, edit } = page;
            const todo = await read(call, (await page.cache(call)("/todos?limit=1")).items[0].id);
            const first = await edit(call, todo, { title: "rye bread" });
            const second = await edit(call, first.todo, { priority: "high" });
            const late = await edit(call, first.todo, { title: "lost" });
            const undone = await (await call("POST", `/changes/${second.undo}/undo`)).json();
            const again = page.cache(call);
            const [one, same] = [await again("/todos"), await again("/todos")];
            return { read: todo.tag, wrote: second.todo.tag, title: second.todo.title, late: late.current,
                     undone: undone.results[0].item.priority, is_same: one === same };
        }"""
    )
    with page.expect_response("**/todos*") as listed:
        page.evaluate("page.show()")
    seen["encoding"] = listed.value.all_headers().get("content-encoding")
    seen["added"] = added.value.status
    seen["origin"] = page.evaluate("origin")
    return seen


def crash(page: Page) -> Seen:
    """Ask for what the server cannot give."""
    page.evaluate('page.tell("fine", () => page.call("GET", "/tags"))')
    crashed = page.inner_text("#told")
    page.context.set_offline(True)
    page.evaluate('page.tell("fine", () => page.call("GET", "/tags"))')
    return {"crashed": crashed, "offline": page.inner_text("#told")}


def offline(page: Page) -> Seen:
    """Do things without a network; lose the first answer when it is back."""
    since = page.evaluate("page.changes(page.call, null)")["since"]
    page.context.set_offline(True)
    for title in ("milk", "oats"):
        page.fill("#title", title)
        page.click("#add")
        told(page, "offline")
    moment = page.evaluate(
        """() => {
            const done = new Date(Date.now() - 3600e3).toISOString();
            page.queue.add({ action: "add", title: "below milk", key: "phone-below", parent_key: "phone-milk" });
            page.queue.add({ action: "complete", key: "phone-oats", completed_at: done });
            page.queue.add({ action: "update", key: "phone-nothing", title: "of nothing" });
            return done;
        }"""
    )
    keys: list[str | None] = []

    def lose_the_first_answer(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) > 1:
            route.continue_()
            return
        route.fetch()
        route.abort()

    page.context.route("**/todos/batch", lose_the_first_answer)
    page.evaluate("document.querySelector('#told').textContent = ''")
    page.context.set_offline(False)  # the page hears of it, and syncs by itself
    told(page, "offline")
    waiting = page.evaluate("page.queue.length")
    page.reload()
    told(page, "shown")
    replayed = []
    page.on("response", lambda response: replayed.append(response.headers.get("idempotent-replayed")))
    page.evaluate("page.sync()")
    told(page, "synced")
    return {
        "moment": moment,
        "keys": keys,
        "waiting": [waiting, page.evaluate("page.queue.length")],
        "replayed": "true" in replayed,
        "refused": page.evaluate("page.refused.map(([item, problem]) => [item.key, problem.error_code])"),
        "shown": page.eval_on_selector_all("#todos li", "items => items.map((item) => item.textContent)"),
        "changed": page.evaluate("(since) => page.changes(page.call, since)", since),
    }


def picture(page: Page) -> Seen:
    """Show the week, and look at where it comes from."""
    page.evaluate('page.showWeek(page.call, document.querySelector("#week"))')
    page.wait_for_function('document.querySelector("#week").naturalWidth > 0')
    return {"source": page.evaluate('document.querySelector("#week").src')}


def live(page: Page) -> Seen:
    """Follow the changes, through a 503 at the first try, while others are made."""
    since = page.evaluate("page.changes(page.call, null)")["since"]
    asked: list[str] = []

    def refuse_the_first(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            readable = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
            route.fulfill(status=503, headers={"Retry-After": "1"} | readable)
        else:
            route.continue_()

    page.context.route("**/events*", refuse_the_first)
    with page.expect_response(lambda response: "/events" in response.url and response.status == 200):
        page.evaluate(
            """(since) => {
                page.heard = [];
                page.end = new AbortController();
                page.following = (async () => {
                    for await (const change of page.follow(page.call, since, page.end.signal))
                        page.heard.push([change.id, change.entries[0].title, performance.now()]);
                })();
            }""",
            since,
        )
    made = page.evaluate(
        """async () => {
            const made = [];
            for (const title of ["one", "two", "three"]) {
                await page.call("POST", "/todos", { body: { title } });
                made.push(performance.now());
                await new Promise((resolve) => setTimeout(resolve, 700));
            }
            return made;
        }"""
    )
    page.wait_for_function("page.heard.length === 3", timeout=20_000)
    heard = page.evaluate("page.heard")
    page.evaluate("page.end.abort()")
    page.evaluate("page.following")
    return {"asked": len(asked), "heard": [title for _, title, _ in heard], "last": heard[2][2] - made[2]}


def told(page: Page, text: str) -> None:
    """Wait until the page has told something."""
    page.wait_for_function("(text) => document.querySelector('#told').textContent === text", arg=text, timeout=20_000)


SCENES: dict[str, Callable[[Page], Seen]] = {
    "edit": edit,
    "crash": crash,
    "offline": offline,
    "picture": picture,
    "live": live,
}


def main(scene: str, chromium: str, address: str, api: str, token: str) -> None:
    addresses: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.add_init_script(f"Object.assign(sessionStorage, {json.dumps({'base': api, 'token': token})})")
        page.goto(address)
        page.wait_for_function("document.querySelector('#told').textContent !== ''", timeout=20_000)
        seen = SCENES[scene](page)
        browser.close()
    is_told = any(token in one for one in addresses)
    print(json.dumps(seen | {"errors": errors, "token_in_an_address": is_told}))


if __name__ == "__main__":
    main(*sys.argv[1:])
