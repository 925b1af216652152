package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Lookups are the lookups without a cache: each is a query, of a permission two, with what its connection may see. It is as safe for concurrent use as that
// connection, and a transaction is not.
type Lookups struct {
	on     queryer
	schema string
	trust  bool
	// unknownRole is told of a role that has no row.
	unknownRole func(ctx context.Context, role string)
}

// queryer is what a pool and a transaction have in common.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Within gives the lookups in the caller's transaction, under its row level security if it has any, with what the transaction itself sees. They
// neither use nor fill the cache, and do not ask Config.Missing: a tenant that may not see a row must not make anybody fetch it.
func (d *Directory) Within(tx pgx.Tx) *Lookups {
	l := *d.direct
	l.on = tx
	return &l
}

// sql names the schema. Always by name: nothing here depends on a search path.
func (l *Lookups) sql(text string) string { return strings.ReplaceAll(text, "{schema}", l.schema) }

// one reads a single row, none being ErrNotFound. The error names what was asked for, by its id where that is Clerk's.
func (l *Lookups) one(ctx context.Context, w what, id, sql string, args, into []any) error {
	err := l.on.QueryRow(ctx, l.sql(sql), args...).Scan(into...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return missing(w, id)
	case err != nil:
		return fmt.Errorf("look up %s: %w", strings.TrimSpace(names[w]+" "+id), err)
	}
	return nil
}

func missing(w what, id ...string) error {
	if len(id) == 0 || !plausible(id[0]) {
		return fmt.Errorf("%s: %w", names[w], ErrNotFound)
	}
	return fmt.Errorf("%s %s: %w", names[w], id[0], ErrNotFound)
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// load reads what a key stands for, nil being nothing.
func (l *Lookups) load(ctx context.Context, k key) (value any, err error) {
	switch k.what {
	case userByID:
		return orNil(l.User(ctx, k.a))
	case userByExternalID, usersByEmail:
		return orNil(l.holders(ctx, k.what, k.a))
	case organizationByID:
		return orNil(l.Organization(ctx, k.a))
	case organizationBySlug:
		return orNil(l.bySlug(ctx, k.a))
	case organizationByDomain:
		return orNil(l.byDomain(ctx, k.a))
	case membershipOf:
		return orNil(l.Membership(ctx, k.a, k.b))
	case roleByKey:
		return orNil(l.Role(ctx, k.a))
	case connectionFor:
		return orNil(l.connection(ctx, k.a))
	}
	return nil, fmt.Errorf("%s cannot be looked up", names[k.what])
}

// orNil makes not found a nil, which is an answer and not an error.
func orNil[T any](v T, err error) (any, error) {
	switch {
	case isNotFound(err):
		return nil, nil //nolint:nilnil // nothing is what there is
	case err != nil:
		return nil, err
	}
	return &v, nil
}

// text scans a column in which NULL is the empty string.
type text struct{ into *string }

// ScanText implements pgtype.TextScanner.
func (t text) ScanText(v pgtype.Text) error {
	*t.into = v.String
	return nil
}

// flag scans a column in which NULL is false.
type flag struct{ into *bool }

// ScanBool implements pgtype.BoolScanner.
func (f flag) ScanBool(v pgtype.Bool) error {
	*f.into = v.Bool
	return nil
}

// moment scans a column in which NULL is the zero time.
type moment struct{ into *time.Time }

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (m moment) ScanTimestamptz(v pgtype.Timestamptz) error {
	*m.into = time.Time{}
	if v.Valid && v.InfinityModifier == pgtype.Finite {
		*m.into = v.Time.UTC()
	}
	return nil
}

// compact lets strings share one array: a hundred thousand cached rows of ten strings are then not a million objects.
func compact(all ...*string) {
	size := 0
	for _, s := range all {
		size += len(*s)
	}
	var b strings.Builder
	b.Grow(size)
	for _, s := range all {
		b.WriteString(*s)
	}
	joined, at := b.String(), 0
	for _, s := range all {
		end := at + len(*s)
		*s, at = joined[at:end], end
	}
}

// lowerASCII folds addresses and domains as the read model keeps them: no two others meet, as they would by Unicode's rules.
func lowerASCII(s string) string {
	for i := range len(s) {
		if isUpperASCII(s[i]) {
			return foldASCII(s)
		}
	}
	return s // the same memory, as most are written this way
}

func foldASCII(s string) string {
	folded := []byte(s)
	for i, c := range folded {
		if isUpperASCII(c) {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}

func isUpperASCII(c byte) bool { return c >= 'A' && c <= 'Z' }
