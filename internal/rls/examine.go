package rls

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/projections"
)

// Test finds out whether the policies of a database keep two tenants apart: the live read models and the service's own tables. It plants rows of two tenants
// and tries each verb as each of them, as nobody, and with forged settings; then it looks at what trying cannot tell.
//
// All of it happens in transactions that are rolled back, one for each table, so it may be run against a live database. It takes the locks of ordinary reads
// and writes, on its own rows alone, waits at most 2 s for any lock, and leaves behind what a rollback leaves: dead rows for vacuum, and gaps in sequences.
//
// db should be a superuser's connection. Triggers and foreign keys are then off in these transactions, so nothing leaves the database. Without, they run,
// and the login has to be a member of the three roles and may have to own the tables.
func Test(ctx context.Context, db Database, cfg Config) (*Report, error) {
	cfg = cfg.withDefaults()
	report := &Report{Tables: []TableReport{}, Findings: []Finding{}}
	if err := report.head(ctx, db, cfg); err != nil {
		return nil, err
	}
	all, err := loadCatalogue(ctx, db)
	if err != nil {
		return nil, err
	}
	logins, err := loadLogins(ctx, db, cfg.Logins)
	if err != nil {
		return nil, err
	}
	var tables []*relation
	for _, r := range all.relations {
		if cfg.chosen(r) {
			tables = append(tables, r)
		}
	}
	if err := found(cfg, tables); err != nil {
		return nil, err
	}
	for _, r := range tables {
		structure(cfg, r, logins, report)
	}
	partitions(all, tables, report)
	for _, l := range logins {
		l.examine(tables, report)
	}
	if len(logins) == 0 {
		report.add(Finding{Code: NoLogin, Advice: true, On: projections.RoleTenant, Tried: "look for logins of services", CameBack: "no login is a member of it, so what a service's login may do was not looked at",
			Mend: "grant " + projections.RoleTenant + " to …; or name the login: --login NAME"})
	}
	if err := dependents(ctx, db, tables, logins, report); err != nil {
		return nil, err
	}
	for _, r := range tables {
		if err := tryTable(ctx, db, cfg, all, r, report); err != nil {
			return nil, err
		}
	}
	report.sort()
	return report, nil
}

// partitions of the tables are looked at even though nobody named them.
func partitions(all *catalogue, tables []*relation, report *Report) {
	for _, r := range all.relations {
		if r.partition && !slices.Contains(tables, r) {
			privileges(r, func(f Finding) {
				f.On = r.String()
				report.add(f)
			})
		}
	}
}

// found complains of words that no table answers to, since a typing error would be green otherwise.
func found(cfg Config, tables []*relation) error {
	for _, word := range cfg.Tables {
		if word != "all" && !slices.ContainsFunc(tables, func(r *relation) bool { return r.named(word) }) {
			return fmt.Errorf("there is no table %s, or it is skipped", word)
		}
	}
	return nil
}

// head also makes sure that the login can play the roles.
func (r *Report) head(ctx context.Context, db Database, cfg Config) error {
	var super bool
	err := db.QueryRow(ctx, `select current_database(), session_user, coalesce((select rolsuper from pg_roles where rolname = session_user), false)`).Scan(&r.Database, &r.Login, &super)
	if err != nil {
		return fmt.Errorf("ask who is logged in: %w", err)
	}
	if super {
		r.Login += " (superuser)"
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		for _, role := range append(cfg.tenantRoles(), projections.RoleReader, projections.RoleProjector) {
			if _, err := tx.Exec(ctx, "set local role "+quote(role)+"; set local role none"); err != nil {
				return fmt.Errorf("%s cannot become %s, which is tried here (a superuser can; so can a member): %w", r.Login, role, err)
			}
		}
		return nil
	})
}

// sort puts breaches before advice and otherwise keeps tables together.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		if a.Advice != b.Advice {
			return cmp.Compare(toInt(a.Advice), toInt(b.Advice))
		}
		return cmp.Compare(a.On, b.On)
	})
	slices.SortStableFunc(r.Tables, func(a, b TableReport) int { return cmp.Compare(toInt(a.ReadModel == ""), toInt(b.ReadModel == "")) })
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
