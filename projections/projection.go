package projections

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// Kind says how a projection treats several events of one entity.
type Kind uint8

const (
	// KindState keeps only the event with the greatest version of each entity.
	KindState Kind = iota
	// KindLog keeps every event once, by its id.
	KindLog
)

// Projection is the code behind one read model. The engine calls Wants and Decode from several goroutines at once, Write from one.
type Projection interface {
	// Name is the read model's name: that of its view and its main table.
	Name() string
	Kind() Kind
	// Wants says whether events of this object and verb concern the read model.
	Wants(object, verb string) bool
	// Decode turns one event into a row. It is pure: the same event gives the same row. An error makes the event a dead letter of this read model.
	Decode(e *events.Event) (Row, error)
	// Write brings rows into the tables of one generation, inside the transaction that also moves the checkpoint. A KindState
	// projection gets at most one row per entity. It must keep the newer row: rows arrive in any order, any number of times.
	Write(ctx context.Context, tx pgx.Tx, tables string, rows []Row) (Outcome, error)
	// Definition is everything of the read model that Postgres keeps.
	Definition() Definition
}

// Loader is a KindState projection that fills its empty tables faster than Write does. A rebuild uses it; a projection without it is rebuilt through Write.
type Loader interface {
	// Load puts rows into tables that hold none of them: no row of these keys is there, and none comes twice.
	Load(ctx context.Context, tx pgx.Tx, tables string, rows []Row) error
}

// Row is one decoded event on its way to a table.
type Row struct {
	// Key is the entity's id (KindState) or the event's (KindLog).
	Key string
	// Version decides against the row that is there.
	Version events.Version
	// Sequence is the message's place on the stream; the engine sets it.
	Sequence uint64
	// Sanitised counts the values that Postgres cannot hold and that were replaced.
	Sanitised int
	// Related is what the change feed tells of the row beside its key. It is for readers who could not find it out: the row of a deleted membership is a
	// tombstone, and says no more whose it was.
	Related []string
	// Afresh says that the row is to be written whole, whatever the hashes beside the stored one say of it: it was read from Clerk's API because the stored
	// one was not what it should be, and then its hashes are no evidence.
	Afresh bool
	// Value is for projections that implement Write themselves.
	Value any

	// fields are the encoded columns, documents those of them that are JSON: see encode.go.
	fields, documents []byte
	documentsHash     hash
	// children holds the rows of each child table, packed.
	children     [][]byte
	childrenHash hash
}

// Outcome says what Write did.
type Outcome struct {
	// Applied holds the keys whose row changed.
	Applied []string
	// Duplicates counts rows that were there already in this very version, Stale those that were there in a newer one.
	Duplicates, Stale int
}
