package projector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/clerkstream/clerkstream/projections"
)

// verifySamples verifies some entities every now and then, for as long as the session leads. Nothing that it finds or fails at ends the session: a
// read model that is wrong somewhere is of more use than one that stands still.
func (s *session) verifySamples(ctx context.Context) error {
	if s.config.VerifyEvery == 0 {
		return nil
	}
	round := time.NewTicker(s.config.VerifyEvery)
	defer round.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-round.C:
		}
		if err := s.verifyRound(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.WarnContext(ctx, "projector: sampled verification failed",
				"service", s.config.Service, "generation", s.generation.number, "error", err)
		}
	}
}

// verifyRound works on a connection of its own: the session's belongs to its writer.
func (s *session) verifyRound(ctx context.Context) error {
	// A follower of its own too, for it hears of no refusal of the broker's that the leader is waiting for.
	own := &session{follower: newFollower(s.Projector, generation{number: s.generation.number, tables: s.generation.tables}), js: s.js}
	if err := own.connect(ctx); err != nil {
		return err
	}
	defer own.close(ctx)
	stream, err := own.recover(ctx)
	if err != nil {
		return err
	}
	r, err := own.rehearse(ctx, stream)
	if err != nil {
		return err
	}
	defer r.rollback(ctx)
	if !r.live || r.position.sequence == 0 {
		return nil
	}
	picked, err := r.pick(ctx)
	if err != nil {
		return err
	}
	found, compared, err := r.compareSome(ctx, s.generation.tables, picked)
	if err != nil {
		return err
	}
	s.metrics.verified.Add(float64(compared))
	s.metrics.verifyDifferences.Set(float64(differing(found)))
	s.metrics.verifiedAt.Set(float64(s.config.Now().UnixMilli()) / 1000)
	if differing(found) > 0 {
		s.config.Log.ErrorContext(ctx, "projector: rows differ from what the stream says; run projector verify", "service", s.config.Service,
			"generation", s.generation.number, "sequence", r.position.sequence, "rows", differing(found), "ids", namesOf(found))
	}
	return nil
}

// entity names one thing of Clerk's.
type entity struct{ object, id string }

// pick chooses random places of the stream and takes the entities whose messages lie there, or next to there.
func (r *rehearsal) pick(ctx context.Context) ([]entity, error) {
	first := max(r.stream.CachedInfo().State.FirstSeq, 1)
	if first > r.position.sequence {
		return nil, nil
	}
	picked := map[entity]bool{}
	for range r.config.VerifySample {
		place := first + rand.Uint64N(r.position.sequence-first+1)
		raw, err := r.stream.GetMsg(ctx, place, jetstream.WithGetMsgSubject(r.filter()))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read message %d of %s: %w", place, r.session.stream, err)
		}
		m := parseMessage(raw.Subject, raw.Header, raw.Data, raw.Sequence)
		if raw.Sequence <= r.position.sequence && m.event.EntityID != "" && len(r.wants(&m.event, nil)) > 0 {
			picked[entity{m.event.Object, m.event.EntityID}] = true
		}
	}
	return slices.Collect(maps.Keys(picked)), nil
}

// sampledHistory is how long the histories of a round may be on average: an entity that changes all day is likely to be picked, and its history is
// read message by message.
const sampledHistory = 100

// compareSome folds the whole history of each entity and compares what belongs to it. A round that has read enough leaves the rest to the next.
func (r *rehearsal) compareSome(ctx context.Context, live string, picked []entity) (found []TableComparison, compared int, err error) {
	ids := make([]map[string]bool, len(r.config.Projections))
	for i := range ids {
		ids[i] = map[string]bool{}
	}
	var wanting []int
	for read := 0; compared < len(picked) && read < sampledHistory*r.config.VerifySample; compared++ {
		e := picked[compared]
		history, err := r.entityHistory(ctx, r.stream, e.object, e.id, r.position.sequence)
		if err != nil {
			return nil, 0, err
		}
		read += len(history)
		for _, m := range history {
			wanting = r.wants(&m.event, wanting[:0])
			for _, p := range wanting {
				ids[p][e.id] = true
			}
			if err := r.add(ctx, m, r.position.sequence); err != nil {
				return nil, 0, err
			}
		}
	}
	if err := r.store(ctx, r.position.sequence); err != nil {
		return nil, 0, err
	}
	only, err := r.restrictions(ctx, live, ids)
	if err != nil {
		return nil, 0, err
	}
	c := comparison{live: live, other: temporary, only: only, tables: slices.Collect(maps.Keys(only)), samples: sampledNames}
	found, err = c.compare(ctx, r.tx)
	return found, compared, err
}

// sampledNames bounds the ids that a round logs of each group.
const sampledNames = 10

// restrictions says by which column the rows of the picked entities are known in each table: entity_id in the table of a log; in those of a state the
// first column of the primary key, which is the entity's id in its own table and in those of its children. A table that has no such column is left
// to a whole verification.
func (r *rehearsal) restrictions(ctx context.Context, live string, ids []map[string]bool) (map[string]restriction, error) {
	tables, err := tablesIn(ctx, r.tx, live, r.tableNames())
	if err != nil {
		return nil, err
	}
	only := map[string]restriction{}
	for i, p := range r.config.Projections {
		if len(ids[i]) == 0 {
			continue
		}
		for _, t := range p.Definition().Tables {
			known := func(c tableColumn) bool { return c.key == 0 }
			if p.Kind() == projections.KindLog {
				known = func(c tableColumn) bool { return c.name == "entity_id" }
			}
			if at := slices.IndexFunc(tables[t.Name], known); at >= 0 {
				only[t.Name] = restriction{tables[t.Name][at].name, slices.Collect(maps.Keys(ids[i]))}
			}
		}
	}
	return only, nil
}

// namesOf lists read model and id of the rows that differ.
func namesOf(found []TableComparison) (names []string) {
	for i := range found {
		for _, c := range found[i].Changes {
			for _, s := range c.Samples {
				if len(s.Key) > 0 && s.Key[0].Text != nil {
					names = append(names, found[i].Table+" "+*s.Key[0].Text)
				}
			}
		}
	}
	return slices.Compact(names)
}
