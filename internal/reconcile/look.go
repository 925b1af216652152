package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/projections"
)

// finding is one object of the API and how it stands.
type finding struct {
	object   clerkapi.Object
	verb     string
	class    class
	reason   string         // of a malformed one
	stored   events.Version // of the row, or empty
	sequence uint64         // up to which the rows were written when it was compared
	event    events.Event
	row      projections.Row
}

// look decodes objects as the projector will, and compares them with the rows. The event it makes for that is not the one that is published: that names
// the row it replaces.
func (r *Reconciler) look(ctx context.Context, k *kind, source events.Source, objects []clerkapi.Object, grace time.Duration) ([]finding, error) {
	tx, err := r.pool.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin to compare %s: %w", k.name, err)
	}
	// It has read only. A temporary table that it made goes with it.
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		defer cancel()
		_ = tx.Rollback(ending)
	}()
	g, err := r.liveGeneration(ctx, tx, k.name)
	if err != nil {
		return nil, err
	}
	found := make([]finding, len(objects))
	comparer := k.comparer(g.private)
	if !g.has(k) {
		comparer = nil
	}
	for i := range objects {
		found[i] = r.decode(k, source, objects[i], comparer)
		found[i].sequence = g.sequence
	}
	if comparer == nil {
		return found, r.lookAtStream(ctx, k, found)
	}
	if err := compareRows(ctx, tx, g.tables, comparer, found, grace); err != nil {
		return nil, err
	}
	for i := range found {
		if f := &found[i]; f.class == classChanged && k.whole != "" && !shows(f.object.Data, k.whole) {
			f.class = classLag
		}
	}
	return found, nil
}

// decode makes the event and the row of one object; what is none is malformed.
func (r *Reconciler) decode(k *kind, source events.Source, o clerkapi.Object, comparer projections.Comparer) finding {
	f := finding{object: o}
	var ok bool
	if f.verb, ok = k.verb(o.Data); !ok {
		f.class = classLag // a state that no event tells: there is nothing to compare
		return f
	}
	var err error
	if f.event, err = r.observed(k, &f, false).Event(r.intake(source)); err == nil && comparer != nil {
		f.row, err = comparer.Decode(&f.event)
	}
	if err != nil {
		f.class, f.reason = classMalformed, reasonOf(err)
	}
	return f
}

func (r *Reconciler) observed(k *kind, f *finding, again bool) *events.Observed {
	return &events.Observed{
		Object: k.object, Verb: f.verb, EntityID: f.object.ID, Data: f.object.Data, At: f.object.ObservedAt, ClerkInstance: r.config.ClerkInstance,
		Replaces: f.stored, Again: again,
	}
}

func (r *Reconciler) intake(source events.Source) events.Intake {
	return events.Intake{Instance: r.config.Instance, Source: source, Received: r.config.Now(), KeepPrivateMetadata: r.config.KeepPrivateMetadata}
}

func compareRows(ctx context.Context, tx pgx.Tx, tables string, comparer projections.Comparer, found []finding, grace time.Duration) error {
	rows := make([]projections.Row, 0, len(found))
	place := make(map[string]int, len(found))
	for i := range found {
		f := &found[i]
		// Pages overlap, and of the same object twice the later observation counts.
		if f.event.ID == "" || f.class == classMalformed {
			continue
		}
		if _, twice := place[f.row.Key]; twice {
			continue
		}
		place[f.row.Key] = i
		rows = append(rows, f.row)
	}
	standings, err := comparer.Compare(ctx, tx, tables, rows)
	if err != nil {
		return err
	}
	for _, s := range standings {
		f := &found[place[s.Key]]
		f.stored, f.class = s.Stored, classify(s, &f.event, grace)
		f.row = projections.Row{}
	}
	return nil
}

// lookAtStream is for what has no read model here: its last message says what everybody knows of it.
func (r *Reconciler) lookAtStream(ctx context.Context, k *kind, found []finding) error {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout+time.Duration(len(found))*brokerTimeout/100)
	defer cancel()
	stream, err := r.config.JS.Stream(ctx, r.stream)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", r.stream, err)
	}
	for i := range found {
		f := &found[i]
		if f.event.ID == "" || f.class == classMalformed {
			continue
		}
		subject := events.Subject{Instance: r.config.Instance, Object: k.object, EntityID: f.object.ID, Verb: "*"}.String()
		m, err := stream.GetLastMsgForSubject(ctx, subject)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			f.class = classMissing
			continue
		case err != nil:
			return fmt.Errorf("read last message of %s %s: %w", k.object, f.object.ID, err)
		}
		last, err := events.FromMessage(m.Subject, m.Header, m.Data)
		switch {
		case err != nil:
			f.class = classChanged
		case last.Version.Deleted():
			f.class = classWrongTombstone
		case events.SameObserved(f.event.ID, last.ID):
			f.class = classMatch
		case last.Version >= f.event.Version:
			f.class = classLag
		default:
			f.class, f.stored, f.sequence = classChanged, last.Version, m.Sequence
		}
	}
	return nil
}

// shows says whether an object has a field that is not null.
func shows(object []byte, field string) bool {
	var of map[string]json.RawMessage
	return json.Unmarshal(object, &of) == nil && len(of[field]) > 0 && string(of[field]) != "null"
}
