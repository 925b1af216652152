package projector

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/projections"
)

// refusedBy describes what Postgres said without the values it quotes.
func refusedBy(err error) rejection {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return rejection{reasonRefused + reason(pg.Code), "postgres refused the row: column " + orUnknown(pg.ColumnName) + ", table " + orUnknown(pg.TableName)}
	}
	return rejection{reasonRefused + "unknown", "the row was refused"}
}

func orUnknown(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}

// bury stores a dead letter for each message and read model that it was rejected for. A letter whose entity already has a newer row is superseded
// from the start.
func (s *session) bury(ctx context.Context, tx pgx.Tx, b *batch) (letters int, err error) {
	if s.rehearsal {
		return 0, nil
	}
	for _, m := range b.messages {
		for p, r := range m.rejected {
			model := ""
			if p != everywhere {
				model = s.config.Projections[p].Name()
			}
			superseded, err := s.overtaken(ctx, tx, p, m)
			if err != nil {
				return letters, err
			}
			if _, err := tx.Exec(ctx, `
insert into clerkstream.dead_letters
  (service, generation, read_model, sequence, subject, event_id, event_type, entity_id, version, reason, detail, closed_at, closed_as)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, case when $12 then now() end, case when $12 then 'superseded' end)
on conflict (service, generation, read_model, sequence) do update
set attempts = clerkstream.dead_letters.attempts + 1, last_failed_at = now(), reason = excluded.reason, detail = excluded.detail`,
				s.config.Service, s.generation.number, model, int64(m.sequence), m.event.Subject(), m.event.ID, m.event.Type, m.event.EntityID,
				string(m.event.Version), string(r.reason), r.detail, superseded); err != nil {
				return letters, fmt.Errorf("store dead letter of message %d: %w", m.sequence, err)
			}
			letters++
			s.config.Log.WarnContext(ctx, "projector: message became a dead letter", "service", s.config.Service, "read_model", model,
				"sequence", m.sequence, "event_id", m.event.ID, "event_type", m.event.Type, "reason", string(r.reason), "detail", r.detail)
		}
	}
	return letters, nil
}

// overtaken reports whether the entity's row is newer than the rejected message.
func (s *session) overtaken(ctx context.Context, tx pgx.Tx, p int, m *message) (newer bool, err error) {
	if p == everywhere || s.config.Projections[p].Kind() != projections.KindState {
		return false, nil
	}
	table := pgx.Identifier{s.generation.tables, s.config.Projections[p].Name()}.Sanitize()
	err = tx.QueryRow(ctx, `select exists (select from `+table+` where id = $1 and version > $2)`, m.event.EntityID, string(m.event.Version)).Scan(&newer)
	if err != nil {
		return false, fmt.Errorf("compare message %d with its row: %w", m.sequence, err)
	}
	return newer, nil
}

// supersede marks the open letters of entities that now have a newer row: the newer event healed them. While no letter is open, which is nearly
// always, no batch pays for looking.
func (s *session) supersede(ctx context.Context, tx pgx.Tx, p projections.Projection, applied []string) error {
	if !s.lettersOpen || p.Kind() != projections.KindState || len(applied) == 0 {
		return nil
	}
	table := pgx.Identifier{s.generation.tables, p.Name()}.Sanitize()
	_, err := tx.Exec(ctx, `
update clerkstream.dead_letters l
set closed_at = now(), closed_as = 'superseded'
from `+table+` t
where l.service = $1 and l.generation = $2 and l.read_model = $3 and l.closed_at is null
  and l.entity_id = any($4) and t.id = l.entity_id and t.version > l.version`,
		s.config.Service, s.generation.number, p.Name(), applied)
	if err != nil {
		return fmt.Errorf("supersede dead letters of %s: %w", p.Name(), err)
	}
	return nil
}
