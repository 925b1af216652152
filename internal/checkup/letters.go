package checkup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// Letters are open dead letters of one sort.
type Letters struct {
	// From is projector, handler or walk.
	From string `json:"from"`
	// Of is the service and its read model or handler, or the kind that was walked.
	Of     string    `json:"of"`
	Reason string    `json:"reason"`
	Open   int64     `json:"open"`
	Oldest time.Time `json:"oldest"`
}

// The projector's letters of retired generations went with them.
const lettersQuery = `
select 'projector', l.service || ' generation ' || l.generation || ' ' || l.read_model, l.reason, count(*), min(l.first_failed_at)
from clerkstream.dead_letters l join clerkstream.generations g using (service, generation)
where l.closed_at is null and g.instance = $1 and g.state <> 'retired' group by 2, 3
union all
select 'handler', service || ' ' || handler, reason, count(*), min(first_failed_at)
from clerkstream.handler_letters where closed_at is null and stream = $2 group by 2, 3
union all
select 'walk', kind, reason, count(*), min(first_failed_at) from clerkstream.walk_letters where closed_at is null and instance = $1 group by 2, 3
order by 1, 2, 3`

func (s *site) openLetters(ctx context.Context) ([]Letters, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, lettersQuery, s.Instance, broker.StreamName(s.Instance))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Letters, err error) {
		err = row.Scan(&l.From, &l.Of, &l.Reason, &l.Open, &l.Oldest)
		return l, err
	})
}

// letterSteps is what to do about each sort.
var letterSteps = map[string]string{
	"projector": "projector deadletter list, then retry or discard; the rows of these entities may be old until then",
	"handler":   "mend the handler, then retry or discard with package subscribe (docs/handlers.md); the side effects have not happened",
	"walk":      "Clerk answered with objects of an unexpected shape: look at them in Clerk's dashboard by id, and report the shape; their rows are as webhooks left them",
}

func (s *site) deadLetters(ctx context.Context) []Line {
	if _, err := s.pool(); err != nil {
		return []Line{s.noDatabase(err)}
	}
	all, err := s.openLetters(ctx)
	if err != nil {
		return []Line{s.unreadable(err)}
	}
	if len(all) == 0 {
		return []Line{fine("none are open")}
	}
	var lines []Line
	for _, from := range []string{"projector", "handler", "walk"} {
		var open int64
		var groups []string
		oldest := s.Now()
		for _, l := range all {
			if l.From != from {
				continue
			}
			open += l.Open
			groups = append(groups, fmt.Sprintf("%s %s: %d", l.Of, l.Reason, l.Open))
			if l.Oldest.Before(oldest) {
				oldest = l.Oldest
			}
		}
		if open > 0 {
			lines = append(lines, warning(letterSteps[from], "%s of the %s open, the oldest for %s (%s)", counted(open, "letter"), from, span(s.Now().Sub(oldest)), strings.Join(groups, ", ")))
		}
	}
	return lines
}
