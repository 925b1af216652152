package directory

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fill puts users such as Clerk sends straight into the tables, each a member of one of a thousand organizations.
func (b *bed) fill(t testing.TB, users int) {
	t.Helper()
	//nolint:dupword // columns in a row that are alike
	b.exec(t, `
insert into clerk_g1.users (id, version, deleted, external_id, username, first_name, last_name, image_url, primary_email, primary_email_verified, banned, locked,
  deprovisioned, password_enabled, two_factor_enabled, email_addresses, phone_numbers, external_accounts, enterprise_accounts, public_metadata, unsafe_metadata,
  last_sign_in_at, last_active_at, created_at, updated_at)
select 'user_3A' || lpad(n::text, 25, '0'), '1', false, null, 'user' || n, 'Ada', 'Okafor ' || n, 'https://img.clerk.com/eyJ0eXBlIjoiZGVmYXVsdCIsImlpZCI6Imluc18zQSJ9',
  'user' || n || '@northwind.example', true, false, false, false, true, false, '[]', '[]', '[]', '[]', '{"tier": "founder"}', '{"theme": "dark"}',
  now(), now(), now(), now()
from generate_series(0, $1 - 1) n`, users)
	b.exec(t, `
insert into clerk_g1.user_identifiers (user_id, kind, value, verified)
select id, 'email', primary_email, true from clerk_g1.users`)
	b.exec(t, `
insert into clerk_g1.organizations (id, version, deleted, name, slug, image_url, has_image, max_allowed_memberships, admin_delete_enabled,
  missing_member_with_elevated_permissions, public_metadata, created_at, updated_at)
select 'org_3B' || lpad(n::text, 25, '0'), '1', false, 'Northwind ' || n, 'northwind-' || n, 'https://img.clerk.com/eyJ0eXBlIjoiZGVmYXVsdCIsImlpZCI6Imluc18zQSJ9', false, 5,
  true, false, '{}', now(), now()
from generate_series(0, 999) n`)
	b.exec(t, `
insert into clerk_g1.organization_memberships (id, version, deleted, organization_id, user_id, role, role_name, permissions, public_metadata, created_at, updated_at)
select 'orgmem_3C' || lpad(n::text, 25, '0'), '1', false, 'org_3B' || lpad((n % 1000)::text, 25, '0'), 'user_3A' || lpad(n::text, 25, '0'), 'org:member', 'Member',
  '["org:sys_memberships:read", "org:sys_billing:read"]', '{}', now(), now()
from generate_series(0, $1 - 1) n`, users)
	b.exec(t, `
with r as (insert into clerk_g1.roles (id, version, deleted, name, key, permissions, created_at, updated_at)
  values ('role_1', '1', false, 'Member', 'org:member', '[]', now(), now()) returning id)
insert into clerk_g1.role_permissions (role_id, permission_id, permission_key) select id, 'perm_' || n, 'org:x:p' || n from r, generate_series(1, 12) n`)
	b.exec(t, `vacuum analyze`)
}

func benchUser(n int) string { return fmt.Sprintf("user_3A%025d", n) }

func benchOrg(n int) string { return fmt.Sprintf("org_3B%025d", n%1000) }

// quiet keeps the log out of the figures.
func quiet(c *Config) { c.Log = slog.New(slog.DiscardHandler) }

// BenchmarkHit measures lookups that memory answers, beside the same lookups in Postgres over the Unix socket in the same run.
//
//	go test ./directory -run '^$' -bench Hit
func BenchmarkHit(b *testing.B) {
	const users = 1000
	bed := newBed(b)
	bed.fill(b, users)
	d := bed.open(b, quiet)
	var ids, orgs, slugs, addresses []string
	for n := range users {
		ids, orgs = append(ids, benchUser(n)), append(orgs, benchOrg(n))
		slugs, addresses = append(slugs, fmt.Sprintf("northwind-%d", n)), append(addresses, fmt.Sprintf("user%d@northwind.example", n))
	}
	for name, ask := range map[string]func(ctx context.Context, r reader, n int) error{
		"user":       func(ctx context.Context, r reader, n int) error { return second(r.User(ctx, ids[n])) },
		"email":      func(ctx context.Context, r reader, n int) error { return second(r.UsersByEmail(ctx, addresses[n])) },
		"slug":       func(ctx context.Context, r reader, n int) error { return second(r.OrganizationBySlug(ctx, slugs[n])) },
		"membership": func(ctx context.Context, r reader, n int) error { return second(r.Membership(ctx, orgs[n], ids[n])) },
		"permission": func(ctx context.Context, r reader, n int) error {
			return second(r.HasPermission(ctx, orgs[n], ids[n], "org:x:p7"))
		},
	} {
		b.Run(name, func(b *testing.B) {
			for n := range users {
				if err := ask(b.Context(), d.Directory, n); err != nil {
					b.Fatal(err)
				}
			}
			// Before and after, for the machine may be busy with something else for a while.
			direct := func(n int) error { return ask(b.Context(), d.direct, n%users) }
			floor := inPostgres(b, direct)
			misses := d.lookups(b, "miss")
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if err := ask(b.Context(), d.Directory, n); err != nil {
					b.Fatal(err)
				}
				if n++; n == users {
					n = 0
				}
			}
			if missed := d.lookups(b, "miss") - misses; missed > 0 {
				b.Fatalf("%v lookups were no hits", missed)
			}
			hit := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			floor = (floor + inPostgres(b, direct)) / 2
			b.ReportMetric(float64(floor.Nanoseconds()), "postgres-ns/op")
			b.ReportMetric(float64(floor.Nanoseconds())/hit, "times-faster")
		})
	}
}

// inPostgres is how long one lookup takes there, on the average of as many as fit a fraction of a second.
func inPostgres(b *testing.B, ask func(n int) error) time.Duration {
	b.Helper()
	began, n := time.Now(), 0
	for ; n < 100 || time.Since(began) < 300*time.Millisecond; n++ {
		if err := ask(n); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began) / time.Duration(n)
}

// BenchmarkHeap measures what a hundred thousand cached users take of the heap, beside what they are weighed at; then the same of memberships and of
// addresses.
//
//	go test ./directory -run '^$' -bench Heap -benchtime 1x
func BenchmarkHeap(b *testing.B) {
	const users = 100_000
	bed := newBed(b)
	bed.fill(b, users)
	for name, ask := range map[string]func(ctx context.Context, r reader, n int) error{
		"user": func(ctx context.Context, r reader, n int) error { return second(r.User(ctx, benchUser(n))) },
		"nobody": func(ctx context.Context, r reader, n int) error {
			return onlyTrouble(second(r.User(ctx, benchUser(users+n))))
		},
		"membership": func(ctx context.Context, r reader, n int) error {
			return second(r.Membership(ctx, benchOrg(n), benchUser(n)))
		},
		"email": func(ctx context.Context, r reader, n int) error {
			return second(r.UsersByEmail(ctx, fmt.Sprintf("user%d@northwind.example", n)))
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d := bed.open(b, func(c *Config) {
					quiet(c)
					c.Capacity = 1 << 30
				})
				before := heap()
				fillCache(b, d.Directory, users, ask)
				after := heap()
				kept := d.cache.kept.EstimatedSize()
				b.ReportMetric(float64(after-before)/(1<<20), "MiB")
				b.ReportMetric(float64(after-before)/float64(kept), "B/entry")
				b.ReportMetric(float64(d.cache.kept.WeightedSize())/float64(after-before), "weighed-of-heap")
				d.stop()
			}
		})
	}
}

func onlyTrouble(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

func fillCache(b *testing.B, d *Directory, users int, ask func(ctx context.Context, r reader, n int) error) {
	b.Helper()
	var (
		next  atomic.Int64
		group sync.WaitGroup
	)
	for range 4 {
		group.Go(func() {
			for n := int(next.Add(1)) - 1; n < users; n = int(next.Add(1)) - 1 {
				if err := ask(b.Context(), d, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	d.cache.kept.CleanUp()
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
