package projector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
)

// VerifyOptions say how much a verification tells.
type VerifyOptions struct {
	// Samples is how many differing rows are named of each group. Default: 100.
	Samples int
	// ShowValues shows the values of those rows instead of masking them. They are personal data.
	ShowValues bool
	// Report, if any, is called often, from Verify's goroutine, and must be quick.
	Report func(Progress)
}

// Verified is how the live generation compares with a fresh fold of its stream. In Tables, Other is the fold.
type Verified struct {
	Generation int               `json:"generation"`
	Sequence   uint64            `json:"sequence"`
	Tables     []TableComparison `json:"tables"`
	// Differing is the number of differing rows in all tables.
	Differing int64 `json:"differing_rows"`
}

// Clean reports whether the live generation is what its stream says.
func (v *Verified) Clean() bool {
	for i := range v.Tables {
		if v.Tables[i].Changes != nil || v.Tables[i].Apart != nil {
			return false
		}
	}
	return true
}

// Verify folds the stream once more, up to exactly the live generation's checkpoint and with the code of a rebuild, into temporary tables, and compares
// every column of every row. It holds nobody up and leaves nothing behind. It costs what a rebuild costs, the same room on disk for as long as it
// lasts, and a snapshot that Postgres keeps old rows for.
//
// The memory of the fold is bounded by Config.FoldBytes. What was erased from the stream cannot be folded: its rows differ, as they would after
// a rebuild.
func (o *Operator) Verify(ctx context.Context, options VerifyOptions) (v Verified, err error) {
	if options.Samples == 0 {
		options.Samples = 100
	}
	s := o.sessionOn(generation{})
	if err := s.connect(ctx); err != nil {
		return v, err
	}
	defer s.close(ctx)
	live, err := o.liveGeneration(ctx, s.conn)
	if err != nil {
		return v, err
	}
	s.follower = newFollower(o.Projector, live)
	stream, err := s.recover(ctx)
	if err != nil {
		return v, err
	}
	r, err := s.rehearse(ctx, stream)
	if err != nil {
		return v, err
	}
	defer r.rollback(ctx)
	v.Generation, v.Sequence = live.number, r.position.sequence
	if err := r.replay(ctx, options.Report); err != nil {
		return v, err
	}
	c := comparison{live: live.tables, other: temporary, tables: s.tableNames(), samples: options.Samples, show: options.ShowValues}
	if v.Tables, err = c.compare(ctx, r.tx); err != nil {
		return v, err
	}
	v.Differing = differing(v.Tables)
	return v, nil
}

// temporary is Postgres' name for a session's own schema. Its tables belong to whoever makes them and stand under no policy.
const temporary = "pg_temp"

// rehearsal is the live generation's read model once more, in temporary tables of a transaction that is rolled back in the end. The transaction sees
// the live rows and the checkpoint that belongs to them for as long as it lasts, whatever is written meanwhile.
type rehearsal struct {
	*session
	tx     pgx.Tx
	stream jetstream.Stream
	// live says that readers see the generation; position is where its rows are.
	live     bool
	position checkpoint

	survivors *survivors
	pinged    time.Time
}

// rehearse begins the transaction. From here on the session writes to the temporary tables.
func (s *session) rehearse(ctx context.Context, stream jetstream.Stream) (r *rehearsal, err error) {
	tx, err := s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	r = &rehearsal{session: s, tx: tx, stream: stream, position: s.start, pinged: s.config.Now()}
	defer func() {
		if err != nil {
			r.rollback(ctx)
		}
	}()
	// The transaction holds no lock that anybody waits for, so it may also be slow to say something.
	if _, err := tx.Exec(ctx, `set local statement_timeout = 0; set local idle_in_transaction_session_timeout = '1min'`); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	err = tx.QueryRow(ctx, `
select c.sequence, g.state = 'live'
from clerkstream.checkpoints c
join clerkstream.generations g using (service, generation)
where c.service = $1 and c.generation = $2`, s.config.Service, s.generation.number).Scan(&r.position.sequence, &r.live)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint of generation %d: %w", s.generation.number, err)
	}
	for _, p := range s.config.Projections {
		if err := s.execAll(ctx, tx, p.Definition().CreateTables(temporary)); err != nil {
			return nil, fmt.Errorf("make temporary tables of %s: %w", p.Name(), err)
		}
	}
	s.generation.tables, s.rehearsal, s.lettersOpen = temporary, true, false
	s.at = checkpoint{created: s.start.created}
	r.survivors = newSurvivors(s)
	return r, nil
}

func (r *rehearsal) rollback(ctx context.Context) { _ = r.tx.Rollback(context.WithoutCancel(ctx)) }

// replay folds the stream up to the position.
func (r *rehearsal) replay(ctx context.Context, report func(Progress)) error {
	end := r.position.sequence
	err := r.readRange(ctx, r.stream, 1, end, func(m *message) error {
		if report != nil && m.sequence%1024 == 0 {
			report(Progress{Sequence: m.sequence, End: end, Entities: r.survivors.entities()})
		}
		return r.add(ctx, m, m.sequence)
	})
	if err != nil {
		return err
	}
	return r.store(ctx, end)
}

// add lets one message compete, and writes when the survivors outgrow their memory. upTo is the sequence up to which the survivors are decided.
func (r *rehearsal) add(ctx context.Context, m *message, upTo uint64) error {
	r.survivors.add(m)
	if r.survivors.bytes() >= r.config.FoldBytes {
		return r.store(ctx, upTo)
	}
	if now := r.config.Now(); now.Sub(r.pinged) > pingEvery {
		r.pinged = now
		return r.ping(ctx)
	}
	return nil
}

// store writes the survivors. The first time the tables are empty and take them as they come; afterwards the version gate decides.
func (r *rehearsal) store(ctx context.Context, upTo uint64) error {
	if r.survivors.read == 0 {
		return nil
	}
	to := r.at
	to.sequence = upTo
	if err := r.session.store(ctx, r.tx, r.stream, r.survivors, to); err != nil {
		return err
	}
	r.at, r.survivors = to, newSurvivors(r.session)
	return nil
}

// tableNames lists the tables of all read models.
func (p *Projector) tableNames() (names []string) {
	for _, one := range p.config.Projections {
		for _, t := range one.Definition().Tables {
			names = append(names, t.Name)
		}
	}
	return names
}
