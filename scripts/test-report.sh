#!/usr/bin/env bash
# Loads a report of `esparse reproduce` in headless Chromium and checks what a reader would find: every picture is drawn,
# nothing is wider than the page at any of three sizes, tables that are wide scroll inside, everything can be reached by the
# keyboard, and the page asks the network for nothing. Skips with a sentence where there is no Chromium or Python.
# Usage: scripts/test-report.sh REPORT.html [folder for screenshots]
set -euo pipefail
report=$(realpath "$1")
screenshots=${2:-}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ] || ! command -v python3 >/dev/null; then
    echo "skipped: no Chromium to look at $report with (Debian: apt-get install chromium)"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
browser() { timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" "$@" 2>/dev/null; }

# The page itself runs no script, so the checks go into a copy of it, whose policy lets them run.
python3 - "$report" "$work/checked.html" <<'PYTHON'
import sys
page = open(sys.argv[1], encoding="utf-8").read()
policy = "default-src 'none'; style-src 'unsafe-inline'"
assert policy in page, "the page has no content security policy"
checks = """
<script>
const found = [];
const say = (ok, what) => { if (!ok) found.push(what); };
const shown = (element) => element.getBoundingClientRect();
say(document.documentElement.scrollWidth <= window.innerWidth, "the page is " + document.documentElement.scrollWidth + " wide");
for (const figure of document.querySelectorAll("figure")) {
  say(figure.tabIndex === 0, figure.id + " cannot be reached by the keyboard");
  const title = document.getElementById(figure.getAttribute("aria-labelledby"));
  say(title && title.textContent.trim(), figure.id + " has no title");
  say(shown(figure).width > 200 && shown(figure).height > 60, figure.id + " is not drawn");
  say(figure.querySelector("table"), figure.id + " has no table");
  say(shown(figure).right <= window.innerWidth + 0.5, figure.id + " is wider than the page");
}
for (const bar of document.querySelectorAll(".fill")) say(shown(bar).width <= shown(bar.parentElement).width + 0.5, "a bar is too long");
say(document.querySelectorAll(".fill").length > 10, "there are no bars");
for (const line of document.querySelectorAll("polyline")) say(line.getTotalLength() > 100, "an outline is not drawn");
for (const cell of document.querySelectorAll(".heat td[style]"))
  say(getComputedStyle(cell).backgroundColor !== "rgba(0, 0, 0, 0)", "a cell of a heat map is not shaded");
for (const link of document.querySelectorAll("a[href]"))
  say(link.getAttribute("href").startsWith("#") && document.querySelector(link.getAttribute("href")), "a link leads nowhere");
for (const details of document.querySelectorAll("details")) { details.open = true; say(details.querySelector("summary"), "a fold has no name"); }
say(document.documentElement.scrollWidth <= window.innerWidth, "unfolded, the page is " + document.documentElement.scrollWidth + " wide");
say(performance.getEntriesByType("resource").length === 0, "the page asks for other files");
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
say(new Set(ids).size === ids.length, "an id is there twice");
document.title = "CHECKED " + document.querySelectorAll("figure").length + " figures: " + (found.length ? found.join("; ") : "sound");
</script>
"""
page = page.replace(policy, policy + "; script-src 'unsafe-inline'").replace("</body>", checks + "</body>")
open(sys.argv[2], "w", encoding="utf-8").write(page)
PYTHON
# Headless windows cannot be narrower than 500 pixels, so the page is looked at through frames of the three widths.
failed=0
for width in 390 820 1400; do
    python3 - "$work/frame.html" "$width" <<'PYTHON'
import sys
open(sys.argv[1], "w").write(f"""<!DOCTYPE html><title>frame</title><iframe id="page" src="checked.html" style="width:{sys.argv[2]}px;height:4000px;border:0">
</iframe><script>document.getElementById("page").onload = (event) => {{
document.body.append(event.target.contentDocument.title); }};</script>""")
PYTHON
    verdict=$(browser --allow-file-access-from-files --window-size=1500,4000 --virtual-time-budget=5000 --dump-dom "file://$work/frame.html" \
        | grep -o 'CHECKED [^<]*' || true)
    echo "$width pixels: ${verdict:-the browser gave nothing}"
    case $verdict in *sound) ;; *) failed=1 ;; esac
    [ -z "$screenshots" ] && continue
    mkdir -p "$screenshots"
    for mode in 0:dark 1:light; do
        browser --hide-scrollbars --blink-settings=preferredColorScheme="${mode%%:*}" --window-size="$width,9000" \
            --screenshot="$screenshots/$width-${mode##*:}.png" "file://$report" >/dev/null
    done
done
exit $failed
