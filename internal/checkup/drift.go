package checkup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reconciliation is the last comparison of a kind with Clerk.
type Reconciliation struct {
	Kind       string    `json:"kind"`
	Mode       string    `json:"mode"`
	FinishedAt time.Time `json:"finished_at"`
	Complete   bool      `json:"complete"`
	Objects    int64     `json:"objects"`
	Matching   int64     `json:"matching"`
	Lagging    int64     `json:"lagging"`
	Changed    int64     `json:"changed"`
	Missing    int64     `json:"missing"`
	Extra      int64     `json:"extra"`
	Published  int64     `json:"published"`
	// WrongTombstones are rows that were deleted here and that Clerk still has.
	WrongTombstones    int64    `json:"wrong_tombstones"`
	WrongTombstoneIDs  []string `json:"wrong_tombstone_ids,omitempty"`
	Malformed          int64    `json:"malformed"`
	Requests           int64    `json:"requests"`
	Note               string   `json:"note,omitempty"`
	wasDry, wasPartial bool
}

// open is how many differences were found and, as far as is known, are still there.
func (r *Reconciliation) open() int64 {
	return max(0, r.Changed+r.Missing+r.Extra-r.Published)
}

func (s *site) reconciliations(ctx context.Context) ([]Reconciliation, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, `
select kind, mode, finished_at, complete, objects, matching, lagging, changed, missing, extra, published, wrong_tombstones, wrong_tombstone_ids, malformed, requests, note
from clerkstream.reconciliations where instance = $1 order by kind, finished_at`, s.Instance)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Reconciliation, err error) {
		err = row.Scan(&r.Kind, &r.Mode, &r.FinishedAt, &r.Complete, &r.Objects, &r.Matching, &r.Lagging, &r.Changed, &r.Missing, &r.Extra, &r.Published,
			&r.WrongTombstones, &r.WrongTombstoneIDs, &r.Malformed, &r.Requests, &r.Note)
		r.wasDry, r.wasPartial = strings.Contains(r.Mode, "dry run"), strings.Contains(r.Mode, "recent")
		return r, err
	})
}

// drift judges each kind by its newest comparison, and by how long ago the last full one was.
func (s *site) drift(ctx context.Context) []Line {
	all, err := s.reconciliations(ctx)
	switch {
	case errors.Is(err, errNotConfigured):
		return []Line{s.noDatabase(err)}
	case err != nil:
		return []Line{s.unreadable(err)}
	case len(all) == 0:
		return []Line{warning("run clerkstream backfill, then clerkstream watch", "the read model was never compared with Clerk")}
	}
	newest, full := map[string]Reconciliation{}, map[string]Reconciliation{}
	for _, r := range all { // each kind's oldest first
		newest[r.Kind] = r
		if !r.wasPartial {
			full[r.Kind] = r
		}
	}
	var lines []Line
	var old, halves, differing []string
	for _, kind := range slices.Sorted(maps.Keys(newest)) {
		r, last := newest[kind], full[kind]
		if r.open() > 0 {
			differing = append(differing, fmt.Sprintf("%s: %d changed, %d missing, %d extra", kind, r.Changed, r.Missing, r.Extra))
		}
		switch {
		case last.Kind == "" || s.Now().Sub(last.FinishedAt) > reconcileWorth:
			old = append(old, kind)
		case !last.Complete:
			halves = append(halves, noted(kind, last.Note))
		}
		if last.WrongTombstones > 0 {
			lines = append(lines, warning("look at each in Clerk's dashboard, then clerkstream reconcile --restore <id> --reason <why>",
				"deleted here, and Clerk still has them: %d of %s: %s", last.WrongTombstones, kind, strings.Join(last.WrongTombstoneIDs, ", ")))
		}
	}
	if len(differing) > 0 {
		lines = append(lines, warning("run clerkstream reconcile; if they come back, the webhooks of these kinds do not arrive", "differs from Clerk: %s", strings.Join(differing, "; ")))
	}
	if len(halves) > 0 {
		lines = append(lines, warning("run clerkstream reconcile again; an incomplete walk finds no deletions", "the last full walk was not complete: %s", strings.Join(halves, "; ")))
	}
	if len(old) > 0 {
		lines = append(lines, warning("keep clerkstream watch running: it walks every kind each night", "not compared in full for %s: %s", span(reconcileWorth), strings.Join(old, ", ")))
	}
	if len(lines) == 0 {
		lines = append(lines, agreement(newest))
	}
	return lines
}

func noted(kind, note string) string {
	if note == "" {
		return kind
	}
	return kind + " (" + note + ")"
}

func agreement(newest map[string]Reconciliation) Line {
	var objects, lagging int64
	for _, r := range newest {
		objects, lagging = objects+r.Objects, lagging+r.Lagging
	}
	return fine("%s compared, %s as in Clerk or repaired, %d waiting for their webhook", counted(len(newest), "kind"), counted(objects, "object"), lagging)
}
