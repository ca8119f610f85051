#!/usr/bin/env python3
"""Opens the page of a run (cai page) in Chromium: nothing fails, nothing is fetched, it fits its window from a phone's
to a projector's, in light and dark, every picture has a text, every colour of text is legible, and the models in it
answer as cai does. The same for pages of kernels (cai replay), which say what was counted by hand.

Without Chromium it says so and passes. With --pictures the screens are written as PNG files. The last line is
"N passed, N failed".
"""
import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

WIDTHS = {360: 780, 1280: 800, 1920: 1080}  # of a phone, a laptop and a projector, with their heights

# Runs in the page. Each returns a list of faults. WIDTH: that of the window; a phone would zoom out to hide a fault.
OVERFLOW = """
[...document.querySelectorAll("body *")].filter(element => {
  const box = element.getBoundingClientRect();
  return !element.closest(".scroll, svg, script, style") && box.width > 0 && box.right > WIDTH + 1;
}).slice(0, 5).map(element => element.tagName + "." + element.getAttribute("class") + " ends at " +
                              Math.round(element.getBoundingClientRect().right))
.concat(document.documentElement.scrollWidth > WIDTH ? ["the page is " + document.documentElement.scrollWidth +
                                                             " wide"] : [])
"""
TEXTLESS = """
[...document.querySelectorAll("svg, img, canvas")].filter(picture => picture.getAttribute("aria-hidden") !== "true" &&
  !(picture.getAttribute("role") === "img" && (picture.getAttribute("aria-label") || "").length > 5))
.map(picture => picture.outerHTML.slice(0, 80))
"""
# Contrast as WCAG 2.1 defines it, of each text to the nearest ground behind it.
CONTRAST = """
(() => {
  const channels = color => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = color => channels(color).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const faults = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const written = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!written || element.closest("script, style, noscript, title") || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), color = element.closest("svg") ? style.fill : style.color;
    const a = light(color), b = light(ground(element.closest("svg") || element));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faults.add(element.tagName + "." + element.getAttribute("class") + " " + color + " " +
                                   contrast.toFixed(2));
  }
  return [...faults];
})()
"""


class Chromium:
    """A browser without a window, driven over two pipes with its DevTools protocol."""

    def __init__(self, program, folder):
        self.to_read, to_write = os.pipe()
        from_read, self.from_write = os.pipe()
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + folder, "about:blank"]
        quoted = 'exec "$@" 3<&%d 4>&%d' % (from_read, to_write)
        self.process = subprocess.Popen(["bash", "-c", quoted, "bash", *command], pass_fds=[from_read, to_write],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(from_read), os.close(to_write)
        self.buffer, self.number, self.events, self.session = b"", 0, [], None
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(domain + ".enable")

    def message(self):
        while b"\0" not in self.buffer:
            chunk = os.read(self.to_read, 1 << 16)
            if not chunk:
                sys.exit("page: Chromium ended before its page was read")
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def __call__(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.from_write, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    sys.exit(f"page: Chromium refuses {method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def open(self, url):
        self.events.clear()
        self("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message())

    def run(self, expression):
        """The value of a JavaScript expression, or of what it promises."""
        result = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:500])
        return result["result"].get("value")

    def window(self, width, height, dark=False, media=""):
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self("Emulation.setEmulatedMedia", media=media,
             features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path):
        """The whole page, in pieces of at most 1500 pixels."""
        size = self("Page.getLayoutMetrics")["cssContentSize"]
        for piece, y in enumerate(range(0, int(size["height"]), 1500)):
            clip = {"x": 0, "y": y, "width": size["width"], "height": min(1500, size["height"] - y), "scale": 1}
            shot = self("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
            with open(f"{path}-{piece}.png", "wb") as file:
                file.write(base64.b64decode(shot))

    def complaints(self):
        """Errors on the console, exceptions, and requests for anything but the page itself."""
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"])[:300])
            if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(params["args"])[:300])
            if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(params["entry"]["text"][:300])
            if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:")):
                found.append("it asks for " + params["request"]["url"][:200])
        return found

    def close(self):
        self.session = None
        self("Browser.close")
        self.process.wait()


class Results:
    passed = failed = 0

    def check(self, name, faults):
        faults = [fault for fault in faults if fault]
        self.passed += not faults
        self.failed += bool(faults)
        print(("FAILED: " if faults else "ok: ") + name)
        for fault in faults[:10]:
            print("    " + str(fault))


def questions_of(run, most):
    with open(os.path.join(run, "world/prompts.jsonl")) as file:
        questions = list(dict.fromkeys(json.loads(line)["prompt"] for line in file))
    return questions[::max(1, len(questions) // most)][:most]


def answer_of(cai, model, question):
    """The greedy answer's ids, without what ended it, and its text."""
    output = subprocess.run([cai, "sample", model, "--prompt", question, "--temperature", "0", "--json"],
                            stdout=subprocess.PIPE, check=True, text=True).stdout
    answer = json.loads(output)
    return answer["ids"][:-1] if answer["stopped_by"] == "stop token" else answer["ids"], answer["text"]


def compare_answers(browser, results, cai, run, most):
    """The greedy answers in the page are cai's for 99 of 100 questions, of the last model that is in it."""
    names = browser.run("data.models.map(model => model.name)")
    name = "rl-cai" if "rl-cai" in names else names[-1]
    index, model = names.index(name), os.path.join(run, name)
    questions = questions_of(run, most) + ["  I'd  ask 12 things, café <b>&amp;</b> \u00e6\u4e16\U0001f642?\n"]
    equal, faults = 0, []
    for question in questions:
        here = browser.run(f"[...ask({index}, {json.dumps(question)})]")
        there, text = answer_of(cai, model, question)
        equal += here == there
        if here != there:
            faults.append(f"{question!r}: cai answers {text!r}, the page {browser.run(f'tokenizers[0].decode({here})')!r}")
    results.check(f"{name}: {equal} of {len(questions)} greedy answers are cai's",
                  faults if equal < 0.99 * len(questions) else [])
    spent = browser.run(f"""(() => {{
        const start = performance.now();
        let tokens = 0;
        for (const question of {json.dumps(questions[:20])}) for (const id of ask({index}, question)) tokens++;
        return [tokens, (performance.now() - start) / 1000];
    }})()""")
    rate = spent[0] / max(spent[1], 1e-9)
    results.check(f"{name}: {rate:.0f} tokens a second", [] if rate >= 20 else ["fewer than 20"])
    there = answer_of(cai, model, questions[0])[1]
    browser.run(f"""document.querySelector("#ask-form textarea").value = {json.dumps(questions[0])};
                    document.querySelector("#ask-form .ask").click()""")
    hidden = browser.run("document.getElementById('ask-form').getClientRects().length === 0")
    written = browser.run(f"""new Promise(resolve => {{
        const box = document.getElementById("answer-{index}");
        const look = () => box.querySelector(".numbers").textContent.includes(" tokens in ")
            ? resolve(box.querySelector("p").textContent) : setTimeout(look, 20);
        look();
    }})""")
    results.check("the form is there", ["it is hidden"] if hidden else [])
    results.check("the form shows the answer", [] if written == there or not there else [f"{there!r} as {written!r}"])


def check_page(browser, results, page, pictures):
    """All that does not need cai."""
    name = os.path.splitext(os.path.basename(page))[0]
    browser.window(1280, 800)
    browser.open("file://" + os.path.abspath(page))
    for width, height in WIDTHS.items():
        for dark in (False, True):
            browser.window(width, height, dark)
            theme = "dark" if dark else "light"
            browser.run("document.querySelectorAll('details').forEach(details => details.open = true)")
            results.check(f"{name}: it fits {width} pixels, {theme}", browser.run(OVERFLOW.replace("WIDTH", str(width))))
            results.check(f"{name}: its text is legible at {width} pixels, {theme}", browser.run(CONTRAST))
            browser.run("document.querySelectorAll('details').forEach(details => details.open = false)")
            if pictures:
                browser.picture(os.path.join(pictures, f"{name}-{width}-{theme}"))
    browser.window(800, 1100, True, media="print")
    results.check(f"{name}: its text is legible on paper", browser.run(CONTRAST))
    if pictures:
        browser.picture(os.path.join(pictures, f"{name}-print"))
    browser.window(1280, 800)
    results.check(f"{name}: each picture has a text", browser.run(TEXTLESS))
    results.check(f"{name}: each id is of one element", browser.run("""(() => {
        const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
        return ids.filter((id, index) => ids.indexOf(id) !== index);
    })()"""))
    results.check(f"{name}: one prompt is shown, and another when it is picked", browser.run("""(() => {
        const ways = [...document.querySelectorAll(".way")], picker = document.getElementById("way-picker");
        if (ways.length < 2) return [];
        picker.selectedIndex = 1;
        picker.dispatchEvent(new Event("change"));
        return ways.every((way, index) => way.hidden === (index !== 1)) ? [] : ["the wrong ones are hidden"];
    })()"""))


def check_replays(browser, results, matmul, attention):
    """Figures of two pages, by hand. A tile of matmul: lane l of a warp reads column 8 (l % 8) + i of the right slab,
    so four banks are wanted for two words each; it writes every eighth float, 32 sectors. Attention: query n sees n + 1
    keys, each 64 floats behind the last: in the dot product the warp of query 7 reads 8 sectors where one would do."""
    def said(page, warp, step):
        return browser.run(f"""(() => {{ replays[0].show({warp}, {step});
                               return document.querySelector(".now").textContent; }})()""")

    def step_of(line, array):
        return browser.run(f"""replays[0].warps.at(-1).find(at => at.kind !== MEETING && at.line === {line} &&
                               replays[0].launch.arrays[at.target].name === "{array}").step""")

    def line_with(text):
        key = browser.run(f"""Object.entries(replays[0].launch.source)
                              .find(one => one[1].includes({json.dumps(text)}))[0]""")
        return int(key.split(":")[1])

    browser.open("file://" + os.path.abspath(matmul))
    for text, array, words in (("b[i] = right_slab", "right_slab", "32 lanes read right_slab in shared memory at line"),
                               ("b[i] = right_slab", "right_slab", "a 2-way bank conflict, 2 wavefronts."),
                               ("out[at] = base", "out", "32 sectors of 32 bytes where 4 would do, in 8 lines")):
        sentence = said(matmul, 1, step_of(line_with(text), array))
        results.check(f"matmul: {words}", [] if words in sentence else [sentence])
    banks = browser.run(f"""(() => {{ replays[0].show(0, {step_of(line_with("b[i] = right_slab"), "right_slab")});
        return [...document.querySelectorAll(".lanes div")]
            .map(box => Number(box.textContent.split("bank ")[1])); }})()""")
    wanted = [8 * (lane % 8) % 32 for lane in range(32)]
    results.check("matmul: the lanes' banks", [] if banks == wanted else [banks])

    browser.open("file://" + os.path.abspath(attention))
    last = browser.run("replays[0].warps.length - 1")
    sentence = said(attention, last, step_of(line_with("sum = fmaf(a[d], b[d], sum)"), "qkv"))
    words = "8 lanes read qkv in global memory"
    results.check(f"attention: {words}",
                  [] if words in sentence and "8 sectors of 32 bytes where 1 would do" in sentence else [sentence])
    touched = browser.run("""(() => {
        const array = replays[0].launch.arrays.findIndex(one => one.name === "qkv");
        const map = document.querySelector(`[data-map="${array}"]`);
        for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"])
            map.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
        return document.querySelector(".element").textContent; })()""")
    # Row 1, column 1: the query of token 1, of head 0, which warp 2 of block 0 has.
    there = touched.startswith("qkv[1][1], ") and touched.endswith(" by thread 65 of block 0.")
    results.check("attention: who touched an element", [] if there else [touched])
    results.check("attention: the slider ends at the last step", browser.run("""(() => {
        const steps = replays[0].launch.steps, slider = document.querySelector(".step");
        slider.value = steps + 5;
        slider.dispatchEvent(new Event("input"));
        return replays[0].step === steps - 1 && !replays[0].next(1) ? [] : [replays[0].step];
    })()"""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cai", default="build/cai")
    parser.add_argument("--run", help="a finished run; without it, two micro runs are made")
    parser.add_argument("--prompts", type=int, default=200, help="how many questions are compared (200)")
    parser.add_argument("--pictures", help="a folder for the screens")
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if not program:
        print("page: left out, there is no Chromium here (Debian: apt-get install chromium)\n0 passed, 0 failed")
        return 0
    if options.pictures:
        os.makedirs(options.pictures, exist_ok=True)
    results = Results()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        run, pages = options.run, []

        def cai(*words):
            subprocess.run([options.cai, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        if not run:
            run, other = os.path.join(folder, "story"), os.path.join(folder, "mine")
            with open(os.path.join(folder, "mine.txt"), "w") as file:
                file.write("Cooking & baking are <b>forbidden</b>.</script><script>fail()</script>\n")
            cai("all", "--size", "micro", "--out", run)
            cai("all", "--from", run, "--constitution", file.name, "--out", other)
            pages = [os.path.join(folder, "mine.html"), os.path.join(folder, "groups.html")]
            cai("page", other, "--out", pages[0])
            cai("page", run, other, "--out", pages[1])
        story = os.path.join(folder, "page.html")
        cai("page", run, "--out", story)
        replays = [os.path.join(folder, kernel + ".html") for kernel in ("matmul_forward", "attention_forward",
                                                                         "attention_backward")]
        for page in replays:
            cai("replay", os.path.basename(page)[:-5], "--out", page)
        browser = Chromium(program, os.path.join(folder, "profile"))
        try:
            for page in [*pages, *replays, story]:
                check_page(browser, results, page, options.pictures)
                if page == story:
                    compare_answers(browser, results, options.cai, run, options.prompts)
                results.check(f"{os.path.basename(page)}: nothing fails and nothing is fetched", browser.complaints())
            check_replays(browser, results, *replays[:2])
            results.check("the replays, stepped through: nothing fails", browser.complaints())
        finally:
            browser.close()
    print(f"{results.passed} passed, {results.failed} failed")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
