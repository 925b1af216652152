// Package reconcile makes a read model complete and keeps it so. It reads Clerk's Backend API, compares what it finds with the rows, and publishes what
// differs as ordinary events: the stream stays the one way in, and the projector the one writer of rows.
//
// Nothing here can overwrite a newer fact. An observed event's version holds the object's own updated_at and the moment the request began, so a webhook
// that came in between wins, and a stale row whose updated_at never moved loses.
package reconcile
