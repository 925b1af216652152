package hydrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/directory"
)

// row is the condition under which the read model shows an object.
type row struct {
	where string
	args  []any
}

func (c *Client) row(kind directory.Kind, id string) (r row, ok bool) {
	view := pgx.Identifier{c.cfg.Schema, string(kind)}.Sanitize()
	switch kind {
	case directory.KindUsers, directory.KindOrganizations:
		return row{view + ` where id = $3`, []any{id}}, true
	case directory.KindOrganizationMemberships:
		org, user, _ := strings.Cut(id, "/")
		return row{view + ` where organization_id = $3 and user_id = $4`, []any{org, user}}, true
	}
	return r, false
}

// shown is what one snapshot shows: whether the row is there, and up to which message the read model is.
type shown struct {
	there    bool
	sequence uint64
}

// live is the position of the generation that readers see.
const live = `
select c.sequence from clerkstream.generations g join clerkstream.checkpoints c using (service, generation)
where g.view_schema = $1 and g.instance = $2 and g.state = 'live'`

var errNoReadModel = errors.New("the schema shows no read model of the instance")

// look asks for both in one statement: only then does a position say something about the row.
func (c *Client) look(ctx context.Context, r row) (s shown, err error) {
	var at *int64
	args := append([]any{c.cfg.Schema, c.cfg.Instance}, r.args...)
	err = c.cfg.Pool.QueryRow(ctx, `select exists (select from `+r.where+`), (`+live+`)`, args...).Scan(&s.there, &at)
	switch {
	case err != nil:
		return s, fmt.Errorf("look at the read model: %w", err)
	case at == nil:
		return s, fmt.Errorf("%w: schema %s, instance %s", errNoReadModel, c.cfg.Schema, c.cfg.Instance)
	}
	s.sequence = uint64(*at)
	return s, nil
}

func (c *Client) sequence(ctx context.Context) (uint64, error) {
	var at int64
	err := c.cfg.Pool.QueryRow(ctx, live, c.cfg.Schema, c.cfg.Instance).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		err = errNoReadModel
	}
	if err != nil {
		return 0, fmt.Errorf("read position: %w", err)
	}
	return uint64(at), nil
}
