import { createHash } from 'node:crypto'

export const style = `
:root {
  color-scheme: light dark;
  --ground: #f6f5f1; --card: #fffefb; --ink: #1c2530; --soft: #55606c; --line: #dcd8cd;
  --accent: #0a6a6e; --on-accent: #fff; --bad: #b02a3c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f151c; --card: #161e27; --ink: #e6ebf0; --soft: #9aa7b4; --line: #2b3744;
    --accent: #45c9c3; --on-accent: #0f151c; --bad: #ff7f8d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1.25rem 3rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-variant-numeric: tabular-nums;
}
body > header {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1.25rem; padding: 1rem 0;
  border-bottom: 1px solid var(--line);
}
.brand { display: flex; align-items: center; gap: 0.6rem; color: inherit; font-weight: 650; text-decoration: none; }
.brand svg { width: 2rem; height: 2rem; fill: none; stroke: var(--accent); stroke-width: 3; }
nav { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; margin-left: auto; }
h1 { margin: 1.5rem 0 1rem; font-size: 1.6rem; letter-spacing: -0.01em; }
h2 { margin: 0; font-size: 1.05rem; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
button, .button {
  display: inline-block; padding: 0.45rem 0.9rem; border: 1px solid var(--accent); border-radius: 8px; font: inherit;
  font-weight: 600; text-decoration: none; background: var(--accent); color: var(--on-accent); cursor: pointer;
}
button.quiet { background: none; color: var(--accent); border-color: var(--line); font-weight: 500; }
button:disabled { opacity: 0.5; cursor: not-allowed; }
.goods { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); padding: 0; list-style: none; }
.goods > li, .card { display: flex; flex-direction: column; padding: 1.1rem; border: 1px solid var(--line); border-radius: 12px; background: var(--card); }
.goods p { margin: 0.35rem 0 1rem; }
.goods .buy { display: flex; align-items: center; justify-content: space-between; gap: 1rem; margin-top: auto; }
.price { font-size: 1.1rem; font-weight: 650; }
.soft { color: var(--soft); }
.card { max-width: 24rem; gap: 0.9rem; }
.card label { display: block; margin-bottom: 0.2rem; font-weight: 600; }
input { width: 100%; padding: 0.5rem 0.65rem; border: 1px solid var(--soft); border-radius: 8px; font: inherit; background: var(--ground); color: inherit; }
.notice { padding: 0.7rem 1rem; border-left: 4px solid var(--accent); border-radius: 6px; background: var(--card); }
.notice.bad { border-color: var(--bad); }
table { width: 100%; border-collapse: collapse; border: 1px solid var(--line); background: var(--card); }
th, td { padding: 0.6rem 0.9rem; border-bottom: 1px solid var(--line); text-align: left; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 650; }
.number { text-align: right; }
.stepper { display: inline-flex; align-items: center; gap: 0.6rem; }
.stepper button { padding: 0.1rem 0.6rem; }
.next { display: flex; gap: 1rem; align-items: center; justify-content: flex-end; margin-top: 1.25rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`

/** What the Content-Security-Policy allows of styles: this one and no other. */
export const styleHash = `'sha256-${createHash('sha256').update(style).digest('base64')}'`
