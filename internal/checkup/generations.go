package checkup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/schema"
)

// Generation is one copy of one service's read model, and where it stands.
type Generation struct {
	Service    string `json:"service"`
	Generation int    `json:"generation"`
	// State is building, ready or live; retired ones are not listed.
	State      string    `json:"state"`
	Schema     string    `json:"schema"`
	Checkpoint uint64    `json:"checkpoint"`
	MovedAt    time.Time `json:"moved_at,omitzero"`
	// Led says that a projector holds its lock.
	Led bool `json:"led"`
	// Measured says that the stream could be asked. Behind is then the number of messages between the checkpoint and its end, and WaitingSeconds how long
	// the oldest of them has been there.
	Measured       bool    `json:"measured"`
	Behind         uint64  `json:"behind"`
	WaitingSeconds float64 `json:"waiting_seconds"`
	// Stranger says that the checkpoint stands for another stream than the one that is there.
	Stranger bool `json:"stranger,omitempty"`

	streamCreatedAt *time.Time
}

func (g *Generation) name() string { return fmt.Sprintf("%s generation %d", g.Service, g.Generation) }

func (g *Generation) waiting() time.Duration {
	return time.Duration(g.WaitingSeconds * float64(time.Second))
}

// The lock is that of projector/election.go, in pg_locks' two halves.
const generationsQuery = `
select g.service, g.generation, g.state, g.view_schema, coalesce(c.sequence, 0), c.stream_created_at, coalesce(c.updated_at, g.created_at),
  exists (select from pg_locks l, hashtextextended('clerkstream/' || g.service || '/' || g.generation, 0) as key
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.database = (select oid from pg_database where datname = current_database())
      and (l.classid::bigint << 32 | l.objid::bigint) = key)
from clerkstream.generations g left join clerkstream.checkpoints c using (service, generation)
where g.instance = $1 and g.state <> 'retired'
order by g.service, g.generation`

func (s *site) generations(ctx context.Context) ([]Generation, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, generationsQuery, s.Instance)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g Generation, err error) {
		err = row.Scan(&g.Service, &g.Generation, &g.State, &g.Schema, &g.Checkpoint, &g.streamCreatedAt, &g.MovedAt, &g.Led)
		return g, err
	})
}

// measure compares a checkpoint with the stream.
func (s *site) measure(ctx context.Context, g *Generation, stream jetstream.Stream, info *jetstream.StreamInfo) error {
	g.Measured = true
	// The database keeps microseconds.
	g.Stranger = g.streamCreatedAt != nil && info.Created.Sub(*g.streamCreatedAt).Abs() > time.Millisecond || g.Checkpoint > info.State.LastSeq
	if g.Stranger || info.State.LastSeq <= g.Checkpoint {
		return nil
	}
	g.Behind = info.State.LastSeq - g.Checkpoint
	// The first message behind the checkpoint: a hole, where a message was erased, is nothing that waits.
	oldest, err := stream.GetMsg(ctx, g.Checkpoint+1, jetstream.WithGetMsgSubject(broker.Subjects(s.Instance)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		g.Behind = 0
		return nil
	}
	if err != nil {
		return fmt.Errorf("read message %d: %w", g.Checkpoint+1, err)
	}
	g.WaitingSeconds = max(0, s.Now().Sub(oldest.Time).Seconds())
	return nil
}

func (s *site) schemaVersion(ctx context.Context) Line {
	pool, err := s.pool()
	if err != nil {
		return s.noDatabase(err)
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return s.unreadable(err)
	}
	defer conn.Release()
	switch err := schema.Check(ctx, conn.Conn()); {
	case errors.Is(err, schema.ErrTooOld):
		return failure("run clerkstream migrate, as a login that may create schemas and roles", "%s", strings.TrimSuffix(short(err), "; run clerkstream migrate"))
	case errors.Is(err, schema.ErrTooNew):
		return failure("run the newer release everywhere", "%s", strings.TrimSuffix(short(err), "; run a newer release"))
	case err != nil:
		return s.unreadable(err)
	}
	return fine("version %d", schema.Version)
}

// generationStates says of each service which generation readers see, and whether a projector keeps it.
func (s *site) generationStates(ctx context.Context) []Line {
	all, err := s.generations(ctx)
	switch {
	case errors.Is(err, errNotConfigured):
		return []Line{s.noDatabase(err)}
	case err != nil:
		return []Line{s.unreadable(err)}
	case len(all) == 0:
		return []Line{failure("start projector with this DATABASE_URL and CLERK_INSTANCE: it makes the first generation", "no service has a read model of instance %s here", s.Instance)}
	}
	byService := map[string][]Generation{}
	var services []string
	for _, g := range all {
		if byService[g.Service] == nil {
			services = append(services, g.Service)
		}
		byService[g.Service] = append(byService[g.Service], g)
	}
	var lines []Line
	for _, service := range services {
		lines = append(lines, serviceLine(service, byService[service]))
	}
	return lines
}

func serviceLine(service string, all []Generation) Line {
	var live *Generation
	var others []string
	for i, g := range all {
		if g.State == "live" {
			live = &all[i]
			continue
		}
		others = append(others, fmt.Sprintf("%d %s", g.Generation, g.State))
	}
	beside := ""
	if len(others) > 0 {
		beside = "; beside it: " + strings.Join(others, ", ")
	}
	switch {
	case live == nil:
		return failure("run projector switch for service "+service+" when the build is done", "service %s: readers see no generation%s", service, beside)
	case !live.Led:
		return failure("start its projector; if it runs, its /readyz says what holds it up", "service %s: no projector leads generation %d, which readers see%s", service, live.Generation, beside)
	}
	return fine("service %s: readers see generation %d in schema %s%s", service, live.Generation, live.Schema, beside)
}

// lag says of each generation how far it is behind.
func (s *site) lag(ctx context.Context) []Line {
	all, err := s.generations(ctx)
	if err != nil || len(all) == 0 {
		return []Line{skipped("", "there is no read model to compare with the stream")}
	}
	stream, info, l, err := s.look(ctx)
	if line, stop := s.streamTrouble(info, l, err); stop {
		return []Line{skipped("", "%s", line.Seen)}
	}
	var lines []Line
	for i := range all {
		g := &all[i]
		if err := s.measure(ctx, g, stream, info); err != nil {
			lines = append(lines, warning("run it with NATS_URL of a user that may read the stream: watch, projector or operator", "%s is %s behind; since when is unknown: %s",
				g.name(), counted(g.Behind, "message"), l.why(err)))
			continue
		}
		lines = append(lines, lagLine(g))
	}
	return lines
}

func lagLine(g *Generation) Line {
	seen := fmt.Sprintf("%s is %s behind, the oldest has waited %s", g.name(), counted(g.Behind, "message"), span(g.waiting()))
	next := "look at /readyz and the log of its projector, and at the load of Postgres"
	switch {
	case g.Stranger:
		return failure("the stream was made anew or restored: docs/operations.md, the stream is another one", "%s stands for another stream than the one that is there", g.name())
	case g.State == "building":
		return fine("%s is being built", g.name())
	case g.Behind == 0:
		return fine("%s has everything, up to message %d", g.name(), g.Checkpoint)
	case g.waiting() > lagFatal && g.State == "live":
		return failure(next, "%s", seen)
	case g.waiting() > lagWorth:
		return warning(next, "%s", seen)
	}
	return fine("%s", seen)
}
