package projector

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// feed tells readers what a transaction changed, by NOTIFY in that transaction: a reader hears of a change when, and only if, it can be read.
type feed struct {
	Generation int    `json:"generation"`
	Sequence   uint64 `json:"sequence"`
	// Changes are ids by read model. Flush in their place says: more than fits, forget everything.
	Changes map[string][]string `json:"changes,omitzero"`
	Flush   bool                `json:"flush,omitzero"`

	size int
}

// maxPayload is where Postgres ends a notification's payload: 8000 bytes, less what the frame takes.
const maxPayload = 7800

// FeedChannel is the NOTIFY channel of the read model behind a schema of views. Its payloads are JSON: generation, sequence, and either changes
// (ids by read model) or flush. A listener that lost its connection must flush too: notifications are not kept.
func FeedChannel(schema string) string { return "clerkstream_" + schema }

func newFeed(generation int, sequence uint64) *feed {
	return &feed{Generation: generation, Sequence: sequence, Changes: map[string][]string{}}
}

func (f *feed) changed(readModel string, ids []string) {
	if f.Flush || len(ids) == 0 {
		return
	}
	f.size += len(readModel) + 8
	for _, id := range ids {
		f.size += len(id) + 3
	}
	if f.size > maxPayload {
		f.Flush, f.Changes = true, nil
		return
	}
	f.Changes[readModel] = ids
}

func (f *feed) send(ctx context.Context, tx pgx.Tx, schema string) error {
	if !f.Flush && len(f.Changes) == 0 {
		return nil
	}
	payload, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode change feed: %w", err)
	}
	if _, err := tx.Exec(ctx, `select pg_notify($1, $2)`, FeedChannel(schema), string(payload)); err != nil {
		return fmt.Errorf("notify %s: %w", FeedChannel(schema), err)
	}
	return nil
}
