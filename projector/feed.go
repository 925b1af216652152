package projector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/projections"
)

// FeedChannel is the NOTIFY channel of the read model behind a schema of views: "clerkstream_" and the schema. Its payloads are JSON:
//
//	{"generation": 7, "sequence": 4711, "occurred_at": "2026-03-01T12:00:00.005Z", "changes": {"users": ["user_2b…", …], …}, …}
//
// generation and sequence are what readers see from then on, occurred_at is Clerk's time of the oldest change, and changes are the changed ids by
// read model. Parallel to changes, by read model too, may stand "related" (of organization_memberships the ids of organization and user, also of a
// deleted one) and "later" (by how many milliseconds each change is younger than occurred_at). A transaction that changed much sends several; one that
// changed more than they hold, and a switch of generations, sends {…, "flush": true} instead. A listener that lost its connection must forget what it
// knows as well: notifications are not kept.
func FeedChannel(schema string) string { return changefeed.Channel(schema) }

// feed collects what a transaction changed, to tell it by NOTIFY in that transaction.
type feed struct {
	generation int
	sequence   uint64
	// now stands in for the time of a change that names none: it was not later.
	now     time.Time
	changes []change
	size    int
	flush   bool
}

// change is one changed row.
type change struct {
	readModel, id string
	related       []string
	at            int64 // Clerk's time, in ms since 1970
}

func newFeed(generation int, sequence uint64, now time.Time) *feed {
	return &feed{generation: generation, sequence: sequence, now: now}
}

// changed notes the rows of these keys. Past what the notices of one transaction hold it notes nothing more, so that a catch-up pays nothing for it.
func (f *feed) changed(readModel string, keys []string, rows []projections.Row) {
	const most = changefeed.MaxNotices * changefeed.MaxPayload
	if f.flush || len(keys) == 0 {
		return
	}
	// However short the ids are: the map below would be for nothing.
	if f.size+len(keys)*(&change{}).size() > most {
		f.flush, f.changes = true, nil
		return
	}
	byKey := make(map[string]*projections.Row, len(rows))
	for i := range rows {
		byKey[rows[i].Key] = &rows[i]
	}
	for _, key := range keys {
		c := change{readModel: readModel, id: key, at: f.now.UnixMilli()}
		if row := byKey[key]; row != nil {
			c.related = row.Related
			c.at = occurredAt(row.Version, c.at)
		}
		if f.size += c.size(); f.size > most {
			f.flush, f.changes = true, nil
			return
		}
		f.changes = append(f.changes, c)
	}
}

// occurredAt is when the entity changed or when Clerk said so, whichever is later. A deleted membership still names the time of its last change as its own.
func occurredAt(v events.Version, unknown int64) int64 {
	if parts, err := v.Parse(); err == nil && max(parts.Source, parts.Observed) > 0 {
		return max(parts.Source, parts.Observed)
	}
	return unknown
}

// send sends all of it in one statement.
func (f *feed) send(ctx context.Context, tx pgx.Tx, schema string) error {
	payloads, err := f.payloads()
	if err != nil || len(payloads) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, `select pg_notify($1, payload) from unnest($2::text[]) payload`, FeedChannel(schema), payloads); err != nil {
		return fmt.Errorf("notify %s: %w", FeedChannel(schema), err)
	}
	return nil
}

// payloads is the texts of the notices.
func (f *feed) payloads() ([]string, error) {
	notices := f.pack()
	if len(notices) > changefeed.MaxNotices {
		notices = []changefeed.Notice{f.notice(nil)}
	}
	payloads := make([]string, len(notices))
	for i := range notices {
		text, err := json.Marshal(&notices[i])
		if err != nil {
			return nil, fmt.Errorf("encode change feed: %w", err)
		}
		payloads[i] = string(text)
	}
	return payloads, nil
}

// pack cuts the changes into notices, in their order.
func (f *feed) pack() (notices []changefeed.Notice) {
	if f.flush {
		return []changefeed.Notice{f.notice(nil)}
	}
	for rest := f.changes; len(rest) > 0; {
		n, size, readModel := 0, frameSize, ""
		for ; n < len(rest); n++ {
			if rest[n].readModel != readModel {
				readModel = rest[n].readModel
				size += 3 * (stringSize(readModel) + len(`:[],`))
			}
			if size += rest[n].size(); size > changefeed.MaxPayload {
				break
			}
		}
		if n == 0 {
			return []changefeed.Notice{f.notice(nil)}
		}
		notices, rest = append(notices, f.notice(rest[:n])), rest[n:]
	}
	return notices
}

// notice tells of these changes; of none, that there are too many.
func (f *feed) notice(changes []change) changefeed.Notice {
	n := changefeed.Notice{Generation: f.generation, Sequence: f.sequence, Flush: len(changes) == 0}
	if n.Flush {
		return n
	}
	oldest := slices.MinFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) }).at
	n.OccurredAt = time.UnixMilli(oldest).UTC()
	n.Changes = map[string][]string{}
	related, later := map[string][][]string{}, map[string][]int64{}
	for _, c := range changes {
		n.Changes[c.readModel] = append(n.Changes[c.readModel], c.id)
		related[c.readModel] = append(related[c.readModel], c.related)
		later[c.readModel] = append(later[c.readModel], c.at-oldest)
	}
	n.Related = telling(related, func(ids []string) bool { return len(ids) > 0 })
	n.Later = telling(later, func(ms int64) bool { return ms > 0 })
	return n
}

// telling keeps the read models of which something is told, or returns nil.
func telling[T any](all map[string][]T, tells func(T) bool) map[string][]T {
	maps.DeleteFunc(all, func(_ string, values []T) bool { return !slices.ContainsFunc(values, tells) })
	if len(all) == 0 {
		return nil
	}
	return all
}

// frameSize is the most that a notice takes beside its changes: the names of its fields, two numbers of 20 digits, and a time.
const frameSize = 256

// size is the most that the change takes: id, what it is related to, and a time of 15 digits.
func (c *change) size() int {
	size := stringSize(c.id) + len(`,`) + len(`null,`) + len(`999999999999999,`)
	for _, r := range c.related {
		size += stringSize(r) + len(`,`)
	}
	return size
}

// stringSize is the most that JSON makes of a text: what is no letter of an id may take six bytes.
func stringSize(s string) int {
	size := len(s) + len(`""`)
	for i := range len(s) {
		if !idByte(s[i]) {
			size += 5
		}
	}
	return size
}

func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
