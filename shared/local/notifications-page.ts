import { escapeHtml, pageStyle } from './html.ts';
import type { Notification } from './notifications.ts';

/** The page of received notifications. New ones are put in by its own stream; without scripts, a reload shows them. */
export function notificationsPage(notifications: Notification[], nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notifications · Sluice</title>
<style nonce="${nonce}">${pageStyle}</style>
</head>
<body>
<main>
<header><h1>Notifications</h1><span class="soft" id="state" role="status">newest first</span></header>
<section class="list" id="list" aria-live="polite">${notifications.map(notificationEntry).join('')}</section>
<p class="empty">Nothing has been announced yet.</p>
</main>
<script nonce="${nonce}">${script}</script>
</body>
</html>
`;
}

/** One notification. */
export function notificationEntry(notification: Notification): string {
  const { id, at, form, who, severity, message, revision, fields } = notification;
  const facts = [
    ...(revision ? [{ name: 'revision', value: revision }] : []),
    ...fields,
    { name: 'by', value: form },
  ].map(({ name, value }) => `<div><dt>${escapeHtml(name)}</dt><dd class="mono">${escapeHtml(value)}</dd></div>`);
  return (
    `<article class="${severity}" id="n${id}"><div class="top"><span class="who">${escapeHtml(who)}</span>` +
    `<span class="soft"><span class="severity">${severity}</span> · <time datetime="${escapeHtml(at)}">${escapeHtml(clock(at))}</time></span></div>` +
    `<pre>${escapeHtml(message)}</pre><dl>${facts.join('')}</dl></article>`
  );
}

/** 2026-11-23 08:06:01 UTC */
function clock(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}

/** Entries arrive as HTML that the server has escaped; times are shown in the reader's own zone. */
const script = `
const list = document.getElementById('list');
const state = document.getElementById('state');
const localTimes = root => { for (const time of root.querySelectorAll('time')) time.textContent = new Date(time.dateTime).toLocaleString(); };
localTimes(list);
const source = new EventSource('/notifications/events');
let lost = false;
source.onopen = () => { if (lost) location.reload(); state.textContent = 'live, newest first'; };
source.onerror = () => { lost = true; state.textContent = 'connection lost, trying again…'; };
source.onmessage = event => {
  const { id, html } = JSON.parse(event.data);
  if (document.getElementById('n' + id)) return;
  const template = document.createElement('template');
  template.innerHTML = html;
  localTimes(template.content);
  template.content.firstElementChild.classList.add('fresh');
  list.prepend(template.content);
};
`;
