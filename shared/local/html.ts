/** Text that may stand in HTML, in an element or in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, character => `&#${character.charCodeAt(0)};`);
}

/** What the pages share: quiet, readable, light or dark as the reader's system is. */
export const pageStyle = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1b2330; --soft: #667085; --line: #e3e6ea; --good: #16803c; --bad: #c8201c; --accent: #2257d6; }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --card: #1b2129; --text: #e4e8ee; --soft: #97a1b0; --line: #2c343f; --good: #4cc27a; --bad: #ff7b72; --accent: #7aa7ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 32px 20px 64px; }
header { display: flex; align-items: baseline; justify-content: space-between; gap: 16px; margin-bottom: 20px; }
h1 { font-size: 22px; font-weight: 650; margin: 0; letter-spacing: -.01em; }
a { color: var(--accent); }
code, .mono { font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
.soft { color: var(--soft); }
article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--good); border-radius: 8px; padding: 12px 16px; margin-bottom: 10px; }
article.error { border-left-color: var(--bad); }
article.fresh { animation: fresh 1.6s ease-out; }
@keyframes fresh { from { background: color-mix(in srgb, var(--accent) 22%, var(--card)); } }
@media (prefers-reduced-motion: reduce) { article.fresh { animation: none; } }
article .top { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 16px; }
article .who { font-weight: 600; overflow-wrap: anywhere; }
article pre { margin: 6px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; max-height: 22em; overflow: auto; }
article dl { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 0; }
article dl div { display: flex; gap: 6px; min-width: 0; }
article dt { color: var(--soft); }
article dd { margin: 0; overflow-wrap: anywhere; }
.severity { font-weight: 600; color: var(--good); }
.error .severity { color: var(--bad); }
.empty { border: 1px dashed var(--line); border-radius: 8px; padding: 40px 20px; text-align: center; color: var(--soft); }
.list:not(:empty) + .empty { display: none; }
`;
