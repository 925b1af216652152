package projector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// Point is a moment in an entity's past, by one of two clocks. The zero Point is now.
type Point struct {
	// Source asks what Clerk had at that time: every event that tells of that time or an earlier one competes, whenever it arrived. Milliseconds count.
	Source time.Time
	// Sequence asks what this log knew: every message up to it competes, whatever its time.
	Sequence uint64
}

// ErrPoint is returned for a text that names no moment.
var ErrPoint = errors.New("neither an RFC 3339 time nor a stream sequence")

// ParsePoint reads an RFC 3339 time or a stream sequence; an empty text is now.
func ParsePoint(text string) (p Point, err error) {
	if text == "" {
		return p, nil
	}
	if p.Sequence, err = strconv.ParseUint(text, 10, 63); err == nil && p.Sequence > 0 {
		return p, nil
	}
	if p.Source, err = time.Parse(time.RFC3339, text); err != nil {
		return Point{}, fmt.Errorf("%q: %w", text, ErrPoint)
	}
	return p, nil
}

func (p Point) String() string {
	switch {
	case !p.Source.IsZero():
		return p.Source.UTC().Format("2006-01-02T15:04:05.000Z07:00") + " (what Clerk had)"
	case p.Sequence > 0:
		return fmt.Sprintf("message %d (what this log knew)", p.Sequence)
	}
	return "now"
}

// has reports whether a message belongs to the past that ends at the point. One whose version cannot be read has no source time, so it belongs to
// every past by that clock: it is shown as put aside and never competes.
func (p Point) has(m *message) bool {
	if !p.Source.IsZero() {
		v, err := m.event.Version.Parse()
		return err != nil || toldOf(v) <= p.Source.UnixMilli()
	}
	return p.Sequence == 0 || m.sequence <= p.Sequence
}

// toldOf is the moment, in ms, that an event tells of: the source time of its version. Not that of a deletion: some of Clerk's carry the whole object
// with the updated_at of its last change, so when it ended only the envelope says.
func toldOf(v events.VersionParts) int64 {
	if v.Deleted {
		return max(v.Source, v.Observed)
	}
	return v.Source
}

// AsOfOptions name an entity and a moment of its past.
type AsOfOptions struct {
	// Entity is Clerk's id: user_…, org_…. Required.
	Entity string
	// At is the moment. Default: now.
	At Point
}

// ErrNoEvents is returned for an entity that the stream says nothing about.
var ErrNoEvents = errors.New("no event about this entity is on the stream")

// AsOf tells what an entity looked like at a moment of its past, which events made it so, and which of them set each column. It asks the stream and
// these projections' code, so it shows what a row would have been under today's code; rows and views are not looked at. What a view hides because a
// parent is deleted is shown. It fails with ErrNoEvents when the stream has no event of the entity.
func (o *Operator) AsOf(ctx context.Context, options AsOfOptions) (History, error) {
	h := History{Entity: options.Entity, At: options.At}
	if !events.IsToken(options.Entity) {
		return h, fmt.Errorf("entity id %q is not [A-Za-z0-9_-]+", options.Entity)
	}
	s, stream, err := o.attachTo(ctx, 0)
	if err != nil {
		return h, err
	}
	defer s.close(ctx)
	// Before the history, which may take longer than a silent connection lives.
	refused, err := s.refusedLetters(ctx, options.Entity)
	if err != nil {
		return h, err
	}
	all, err := s.entityHistory(ctx, stream, "*", options.Entity, stream.CachedInfo().State.LastSeq)
	if err != nil {
		return h, err
	}
	if len(all) == 0 {
		return h, fmt.Errorf("%s: %w", options.Entity, ErrNoEvents)
	}
	past := slices.DeleteFunc(slices.Clone(all), func(m *message) bool { return !options.At.has(m) })
	slices.SortFunc(past, func(a, b *message) int {
		return cmp.Or(strings.Compare(string(a.event.Version), string(b.event.Version)), cmp.Compare(a.sequence, b.sequence))
	})
	for _, m := range past {
		h.Events = append(h.Events, newPastEvent(m))
	}
	for i, p := range s.config.Projections {
		if slices.ContainsFunc(all, func(m *message) bool { return p.Wants(m.event.Object, m.event.Verb) }) {
			h.tell(s, i, past, refused)
		}
	}
	return h, nil
}

// letterKey names a dead letter of one generation.
type letterKey struct {
	readModel string
	sequence  uint64
}

// refusedLetters finds the events of an entity that Postgres refused: nothing else knows of them, for they decode well.
func (s *session) refusedLetters(ctx context.Context, entity string) (map[letterKey]string, error) {
	rows, err := s.conn.Query(ctx, `
select read_model, sequence, reason
from clerkstream.dead_letters
where service = $1 and generation = $2 and entity_id = $3 and starts_with(reason, $4) and closed_as is distinct from 'retried'`,
		s.config.Service, s.generation.number, entity, string(reasonRefused))
	if err != nil {
		return nil, fmt.Errorf("read dead letters of %s: %w", entity, err)
	}
	var (
		found = map[letterKey]string{}
		key   letterKey
		why   string
	)
	_, err = pgx.ForEachRow(rows, []any{&key.readModel, &key.sequence, &why}, func() error {
		found[key] = why
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read dead letters of %s: %w", entity, err)
	}
	return found, nil
}
