// Package sentinel knows when webhooks stopped. It runs outside of the handler, for a dead handler cannot report itself, and takes four signals:
//
//   - silence: no webhook came for longer than the learnt rhythm explains, of all types together or of one;
//   - the canary: a reserved user's metadata was touched through the Backend API, and its event did not come back in time;
//   - refusals: ingests answer deliveries, but take none;
//   - what cannot be seen: ingests that do not answer, a stream that cannot be read.
//
// Silence of all types, a late canary and refusals open an outage. Its cause is guessed from what ingests say of the deliveries since they last took one. When
// webhooks come again it has the time from the last good webhook on repaired, and only then calls the outage closed.
//
// What was read from the Backend API (sources backfill, reconcile, hydrate) is no webhook and proves nothing.
//
// The deciding parts (rhythm, canary, refusals, suspect, judge) are handed every time and do no I/O; the watching parts (reader, scraper, probe) decide nothing.
package sentinel
