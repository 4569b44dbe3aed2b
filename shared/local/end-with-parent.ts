/**
 * Loaded into a child process by --import: ends it, as SIGTERM does, when its parent is gone, however that died. The
 * channel between them closes with the parent; it is not kept open for anything else.
 */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
