package checkup

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/sentinel"
)

// Watcher is what `clerkstream watch` last said of itself.
type Watcher struct {
	StartedAt time.Time   `json:"started_at"`
	BeatAt    time.Time   `json:"beat_at"`
	Status    WatchStatus `json:"status"`
}

// WatchStatus is the part of the watch's own account that is shown.
type WatchStatus struct {
	Verb    string `json:"verb,omitempty"`
	Process string `json:"process,omitempty"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Doing   string `json:"doing,omitempty"`
	// LastError is why its last piece of work failed; empty once one has passed.
	LastError string `json:"last_error,omitempty"`
	Budget    struct {
		Used  int `json:"used"`
		Limit int `json:"limit"`
	} `json:"budget"`
	Sentinel *sentinel.Status `json:"sentinel,omitempty"`
}

// Outage is a stretch of time in which webhooks did not come.
type Outage struct {
	BeganAt      time.Time  `json:"began_at"`
	NoticedAt    time.Time  `json:"noticed_at"`
	Cause        string     `json:"cause"`
	Signals      []string   `json:"signals"`
	EndedAt      *time.Time `json:"ended_at"`
	ReconciledAt *time.Time `json:"reconciled_at"`
	Repaired     *int64     `json:"repaired"`
}

// errNoWatcher says that none ever ran.
var errNoWatcher = errors.New("no watch has run")

func (s *site) watcher(ctx context.Context) (*Watcher, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	var w Watcher
	var status []byte
	err = pool.QueryRow(ctx, `select started_at, beat_at, status from clerkstream.watchers where instance = $1`, s.Instance).Scan(&w.StartedAt, &w.BeatAt, &status)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoWatcher
	}
	if err != nil {
		return nil, err
	}
	// A watcher of another release may say other things: what is not understood is left away.
	if json.Unmarshal(status, &w.Status) != nil {
		w.Status = WatchStatus{}
	}
	return &w, nil
}

func (s *site) heartbeat(ctx context.Context) Line {
	if _, err := s.pool(); err != nil {
		return s.noDatabase(err)
	}
	const next = "start clerkstream watch (docs/completeness.md): without it nobody notices when webhooks stop, and lost ones are not fetched"
	switch w, err := s.watcher(ctx); {
	case errors.Is(err, errNoWatcher):
		return warning(next, "no watch has run for instance %s", s.Instance)
	case err != nil:
		return s.unreadable(err)
	case w.Status.Verb != "" && w.Status.Verb != "watch" && s.Now().Sub(w.BeatAt) > heartbeatLate:
		return warning(next, "no watch runs for instance %s; clerkstream %s was done %s ago", s.Instance, w.Status.Verb, span(s.Now().Sub(w.BeatAt)))
	case s.Now().Sub(w.BeatAt) > heartbeatFatal:
		return failure(next, "the watch was last heard of %s ago", span(s.Now().Sub(w.BeatAt)))
	case w.Status.Verb != "" && w.Status.Verb != "watch":
		return warning(next+"; a watch waits until it is done", "clerkstream %s has had the instance's lock for %s", w.Status.Verb, span(s.Now().Sub(w.StartedAt)))
	case w.Status.LastError != "":
		return warning("look at the log of the watch", "a watch runs, and its last work failed: %s", w.Status.LastError)
	default:
		return fine("a watch has run for %s", span(s.Now().Sub(w.StartedAt)))
	}
}

// outages are the unfinished ones and those of the last week, the newest first.
func (s *site) outages(ctx context.Context) ([]Outage, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, `
select began_at, noticed_at, cause, signals, ended_at, reconciled_at, repaired from clerkstream.outages
where instance = $1 and (reconciled_at is null or began_at > now() - interval '7 days') order by began_at desc limit 20`, s.Instance)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Outage, err error) {
		err = row.Scan(&o.BeganAt, &o.NoticedAt, &o.Cause, &o.Signals, &o.EndedAt, &o.ReconciledAt, &o.Repaired)
		return o, err
	})
}

// holes says which outages are open, and which have ended without their facts having been fetched.
func (s *site) holes(ctx context.Context) Line {
	all, err := s.outages(ctx)
	switch {
	case errors.Is(err, errNotConfigured):
		return s.noDatabase(err)
	case err != nil:
		return s.unreadable(err)
	}
	var unfetched []string
	for _, o := range all {
		switch {
		case o.EndedAt == nil && o.ReconciledAt == nil:
			return failure("mend the "+o.Cause+" (docs/operations.md, webhooks stopped); the watch fetches what was missed", "webhooks have not come since %s; suspected: %s", clock(o.BeganAt), o.Cause)
		case o.ReconciledAt == nil:
			unfetched = append(unfetched, clock(o.BeganAt)+" to "+clock(*o.EndedAt))
		}
	}
	switch {
	case len(unfetched) > 0:
		return warning("keep clerkstream watch running, or run clerkstream reconcile; Clerk's dashboard can replay that window too", "what was missed has not been fetched yet: %s", strings.Join(unfetched, ", "))
	case len(all) > 0:
		return fine("%s in the last week, all made good", counted(len(all), "outage"))
	}
	return fine("none in the last week")
}

// clock is a moment for a person; all of them are UTC.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// sentinel hands on what the watch says about each of its signals.
func (s *site) sentinel(ctx context.Context) []Line {
	if _, err := s.pool(); err != nil {
		return []Line{s.noDatabase(err)}
	}
	w, err := s.watcher(ctx)
	switch {
	case err != nil && !errors.Is(err, errNoWatcher):
		return []Line{s.unreadable(err)}
	case err != nil || s.Now().Sub(w.BeatAt) > heartbeatFatal:
		return []Line{skipped("", "no watch runs, so nobody listens for silence")}
	}
	if w.Status.Sentinel == nil {
		return []Line{skipped("", "the watch does not say what it hears")}
	}
	return signalLines(w.Status.Sentinel)
}

// signalLines has one line for each thing that is wrong, or one that nothing is.
func signalLines(status *sentinel.Status) []Line {
	var lines []Line
	if o := status.Outage; o != nil {
		lines = append(lines, failure(o.Advice+"; then, in Clerk's dashboard, replay what is missing from "+clock(o.ReplayFrom)+" on",
			"webhooks stopped after %s; suspected cause: %s (%s)", clock(o.Began), o.Cause, strings.Join(o.Signals, ", ")))
	}
	var well []string
	for _, x := range status.Signals {
		switch {
		case x.State == sentinel.StateOK:
			well = append(well, x.Name)
		case x.State != sentinel.StateUnknown && status.Outage == nil:
			lines = append(lines, warning("docs/operations.md, webhooks stopped", "%s is %s since %s: %s", x.Name, x.State, clock(x.Since), x.Detail))
		}
	}
	for _, x := range status.SilentTypes {
		lines = append(lines, warning("see in Clerk's dashboard that the endpoint is subscribed to it", "no %s since %s; %.0f were to be expected", x.Type, clock(x.Last), x.Expected))
	}
	switch {
	case len(lines) > 0:
		return lines
	case len(well) == 0:
		return []Line{warning("let it run; set CANARY_USER and INGEST_OPS_URL for what can be told at once", "no signal says anything yet")}
	}
	return []Line{fine("well: %s", strings.Join(well, ", "))}
}
