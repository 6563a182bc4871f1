// The style sheet of a report's page: light and dark, narrow and wide, on paper.

enum PageStyle {
    /// The style sheet.
    static let css = """
        :root {
          --page: #fbfbf9; --card: #ffffff; --ink: #1d2327; --soft: #59636b; --edge: #d9dedf; --track: #eceff0;
          --reference: #8b959c; --plain: #7f9bb3; --accent: #0b7a75; --second: #58b4a6; --line: #b3541e;
          --low: #f1f6f4; --high: #0b6661; --middle: #1d2327; --good: #0b7a75; --bad: #b3401e;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14181a; --card: #1c2124; --ink: #e6eaec; --soft: #a3adb4; --edge: #343c41; --track: #2a3135;
            --reference: #7d878e; --plain: #64839d; --accent: #35b5aa; --second: #1f7d75; --line: #f09a63;
            --low: #22292c; --high: #4fd0c4; --middle: #1c2124; --good: #4fd0c4; --bad: #ff9c7a;
          }
        }
        * { box-sizing: border-box; }
        html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
        body {
          margin: 0; background: var(--page); color: var(--ink); overflow-wrap: break-word;
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
        }
        header, nav, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
        header { padding-top: 2rem; }
        h1 { font-size: clamp(1.5rem, 4vw, 2.2rem); line-height: 1.2; margin: 0 0 .6rem; }
        h2 { font-size: 1.4rem; margin: 2.6rem 0 .6rem; padding-bottom: .3rem; border-bottom: 2px solid var(--edge); }
        h3 { font-size: 1.05rem; margin: 0 0 .2rem; }
        h4 { font-size: .9rem; margin: 1rem 0 .35rem; color: var(--soft); font-weight: 600; }
        p { margin: 0 0 .8rem; max-width: 46rem; }
        header p, figcaption p, .legend, footer { color: var(--soft); }
        .skip { position: absolute; left: -100rem; background: var(--card); color: var(--ink); padding: .6rem 1rem; z-index: 1; }
        .skip:focus { left: 0; top: 0; }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
        nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; margin: .6rem 0 0; padding: 0; }
        nav a { display: inline-block; padding: .2rem 0; }
        .cards {
          list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: .8rem;
          grid-template-columns: repeat(auto-fill, minmax(min(100%, 15.5rem), 1fr));
        }
        .cards li {
          background: var(--card); border: 1px solid var(--edge); border-left: 5px solid var(--reference); border-radius: 8px;
          padding: .8rem 1rem; display: flex; flex-direction: column; gap: .2rem;
        }
        .cards li.better { border-left-color: var(--good); }
        .cards li.worse { border-left-color: var(--bad); }
        .cards strong { font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
        .cards .better strong { color: var(--good); }
        .cards .worse strong { color: var(--bad); }
        .cards em { font-size: .8rem; font-weight: 600; font-style: normal; margin-left: .35rem; }
        .cards span { font-size: .92rem; color: var(--soft); }
        figure {
          margin: 1.2rem 0; padding: 1rem; background: var(--card); border: 1px solid var(--edge); border-radius: 8px;
        }
        .bars { list-style: none; margin: 0; padding: 0; }
        .bars li {
          display: grid; grid-template-columns: minmax(6rem, 15rem) minmax(0, 1fr) 5.5rem; gap: .7rem; align-items: center;
          padding: .1rem 0; font-size: .92rem;
        }
        .bars .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .track { position: relative; display: block; height: 1.15rem; background: var(--track); border-radius: 3px; }
        .fill { display: block; height: 100%; border-radius: 3px; min-width: 1px; }
        .fill.reference, .swatch.reference { background: var(--reference); }
        .fill.plain, .swatch.plain { background: var(--plain); }
        .fill.accent, .swatch.accent { background: var(--accent); }
        .fill.second, .swatch.second { background: var(--second); }
        .line { position: absolute; top: -.2rem; bottom: -.2rem; border-left: 2px dashed var(--line); }
        .legend { font-size: .85rem; margin: .6rem 0 0; }
        .key { white-space: nowrap; margin-right: 1rem; }
        .swatch { display: inline-block; width: .9rem; height: .9rem; border-radius: 3px; margin-right: .35rem; vertical-align: -1px; }
        .scroll { overflow-x: auto; max-width: 100%; }
        table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
        th, td { padding: .3rem .65rem; text-align: right; border-bottom: 1px solid var(--edge); white-space: nowrap; }
        th:first-child { text-align: left; }
        thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
        tbody th { font-weight: 500; }
        .heat th, .heat td { padding: .16rem .4rem; font-size: .8rem; border: 1px solid var(--card); }
        .heat td {
          background: var(--low); background: color-mix(in oklab, var(--high) var(--shade), var(--low)); text-align: center;
          min-width: 2.6rem;
        }
        .heat .deep { color: var(--card); }
        .heat .middle { color: var(--middle); }
        .heat .pale { color: var(--ink); }
        .side-by-side { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--soft); font-size: 12px; }
        .axis { stroke: var(--edge); }
        .outline { fill: none; stroke-width: 2; }
        .outline.plain { stroke: var(--plain); }
        .outline.accent { stroke: var(--accent); }
        details { margin-top: .7rem; }
        summary { cursor: pointer; color: var(--accent); font-size: .9rem; padding: .25rem 0; }
        .commands { margin: .4rem 0 0; font-size: .85rem; }
        .commands dt { color: var(--soft); margin-top: .5rem; }
        .commands dd { margin: .1rem 0 0; }
        code {
          display: block; font: .8rem/1.45 ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace; background: var(--track);
          padding: .4rem .6rem; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere;
        }
        footer { margin-top: 2.5rem; padding-bottom: 2rem; font-size: .85rem; }
        @media (max-width: 34rem) {
          .bars li { grid-template-columns: minmax(0, 1fr) auto; gap: .05rem .6rem; padding: .25rem 0; }
          .bars .track { grid-column: 1 / -1; grid-row: 2; height: .9rem; }
          figure { padding: .8rem; }
          .heat th, .heat td { padding: .16rem .18rem; font-size: .74rem; min-width: 0; }
        }
        @media print {
          :root { --page: #fff; --card: #fff; --ink: #000; --soft: #444; --edge: #bbb; --track: #eee; }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          nav, .skip, details:not([open]) { display: none; }
          figure, .cards li { break-inside: avoid; }
          figure:has(.heat) { break-inside: auto; }
          body { font-size: 11pt; }
        }
        @media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }

        """
}
