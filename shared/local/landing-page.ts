import { pageStyle } from './html.ts';

/** What stands at `/`: enough to see that this is the right place, nothing that a stranger could use. */
export function landingPage(): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<header><h1>Sluice</h1><span class="soft">is running</span></header>
<p>Webhooks of Receivers are taken at <code>/hook/…</code> (the path is in the Receiver's <code>status.webhookPath</code>),
artifacts are served at <code>/artifacts/…</code> (the address is in a source's <code>status.artifact.url</code>).</p>
<p><a href="/notifications">Notifications</a> that were sent to this runtime's own sink.</p>
</main>
</body>
</html>
`;
}
