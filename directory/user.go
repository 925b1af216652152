package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// User is a row of users, without the four lists of what belongs to the user, which are most of its bytes: see UserAccounts. A NULL is the zero value.
// It is the caller's own but for the bytes of the JSON columns, which others read too: never write to them.
type User struct {
	ID, ExternalID, Username      string
	FirstName, LastName, ImageURL string
	// PrimaryEmail is the address that primary_email_address_id names, as the user wrote it.
	PrimaryEmail, PrimaryPhone string
	PrimaryEmailVerified       bool
	Banned, Locked             bool
	// Deprovisioned says that the company's own directory (SCIM) switched the user off.
	Deprovisioned    bool
	PasswordEnabled  bool
	TwoFactorEnabled bool
	PublicMetadata   json.RawMessage
	// UnsafeMetadata is written by the user's own browser: never authorise by it.
	UnsafeMetadata             json.RawMessage
	LastSignInAt, LastActiveAt time.Time
	CreatedAt, UpdatedAt       time.Time
}

// UserAccounts is what a user can be reached by and signs in with, as Clerk's API lists it.
type UserAccounts struct {
	EmailAddresses, PhoneNumbers, ExternalAccounts, EnterpriseAccounts json.RawMessage
}

func (u *User) bytes() int {
	return len(u.ID) + len(u.ExternalID) + len(u.Username) + len(u.FirstName) + len(u.LastName) + len(u.ImageURL) + len(u.PrimaryEmail) + len(u.PrimaryPhone) +
		len(u.PublicMetadata) + len(u.UnsafeMetadata)
}

// User is the user with Clerk's id, or ErrNotFound. Safe for concurrent use, as are all lookups of a Directory.
func (d *Directory) User(ctx context.Context, id string) (User, error) {
	e, err := d.get(ctx, key{what: userByID, a: id})
	if err != nil {
		return User{}, err
	}
	if u, ok := e.value.(*User); ok {
		return *u, nil
	}
	return User{}, missing(userByID, id)
}

// UserByExternalID is the user whom the application knows by an id of its own, or ErrNotFound. Clerk keeps external ids unique; while one moves from a
// user to another and only half of it has arrived, it is the user that changed last.
func (d *Directory) UserByExternalID(ctx context.Context, externalID string) (User, error) {
	e, err := d.get(ctx, key{what: userByExternalID, a: externalID})
	if err != nil {
		return User{}, err
	}
	if held, ok := e.value.(*holders); ok {
		return held.list[0].User, nil
	}
	return User{}, missing(userByExternalID)
}

// EmailHolder is a user who lists an e-mail address. Verified says that Clerk has proof that it is his; an unverified one is a claim that anybody can make.
type EmailHolder struct {
	User     User
	Verified bool
}

// UsersByEmail is everybody who lists the address: those who have proven it first, of equals who changed last. An address is not unique. It is
// matched without regard to the case of ASCII letters. Nobody is no error. No more than a hundred are listed.
func (d *Directory) UsersByEmail(ctx context.Context, address string) ([]EmailHolder, error) {
	e, err := d.get(ctx, key{what: usersByEmail, a: lowerASCII(address)})
	if err != nil {
		return nil, err
	}
	if held, ok := e.value.(*holders); ok {
		return slices.Clone(held.list), nil
	}
	return nil, nil
}

// UserAccounts are the user's addresses, phones and accounts, or ErrNotFound. It is not cached.
func (d *Directory) UserAccounts(ctx context.Context, id string) (UserAccounts, error) {
	return d.direct.UserAccounts(ctx, id)
}

const userColumns = `u.id, u.external_id, u.username, u.first_name, u.last_name, u.image_url, u.primary_email, u.primary_phone,
  u.primary_email_verified, u.banned, u.locked, u.deprovisioned, u.password_enabled, u.two_factor_enabled, u.public_metadata, u.unsafe_metadata,
  u.last_sign_in_at, u.last_active_at, u.created_at, u.updated_at`

func (u *User) columns() []any {
	return []any{
		&u.ID, text{&u.ExternalID}, text{&u.Username}, text{&u.FirstName}, text{&u.LastName}, text{&u.ImageURL}, text{&u.PrimaryEmail}, text{&u.PrimaryPhone},
		flag{&u.PrimaryEmailVerified}, flag{&u.Banned}, flag{&u.Locked}, flag{&u.Deprovisioned}, flag{&u.PasswordEnabled}, flag{&u.TwoFactorEnabled},
		&u.PublicMetadata, &u.UnsafeMetadata, moment{&u.LastSignInAt}, moment{&u.LastActiveAt}, moment{&u.CreatedAt}, moment{&u.UpdatedAt},
	}
}

// User is the user with Clerk's id, or ErrNotFound.
func (l *Lookups) User(ctx context.Context, id string) (u User, err error) {
	if !plausible(id) {
		return u, missing(userByID)
	}
	err = l.one(ctx, userByID, id, `select `+userColumns+` from {schema}.users u where u.id = $1`, []any{id}, u.columns())
	u.compact()
	return u, err
}

func (u *User) compact() {
	compact(&u.ID, &u.ExternalID, &u.Username, &u.FirstName, &u.LastName, &u.ImageURL, &u.PrimaryEmail, &u.PrimaryPhone)
}

// UserAccounts are the user's addresses, phones and accounts, or ErrNotFound.
func (l *Lookups) UserAccounts(ctx context.Context, id string) (a UserAccounts, err error) {
	if !plausible(id) {
		return a, missing(userByID)
	}
	err = l.one(ctx, userByID, id, `select email_addresses, phone_numbers, external_accounts, enterprise_accounts from {schema}.users where id = $1`, []any{id},
		[]any{&a.EmailAddresses, &a.PhoneNumbers, &a.ExternalAccounts, &a.EnterpriseAccounts})
	return a, err
}

// UserByExternalID is Directory.UserByExternalID without the cache.
func (l *Lookups) UserByExternalID(ctx context.Context, externalID string) (User, error) {
	held, err := l.holders(ctx, userByExternalID, externalID)
	if err != nil {
		return User{}, err
	}
	return held.list[0].User, nil
}

// UsersByEmail is Directory.UsersByEmail without the cache.
func (l *Lookups) UsersByEmail(ctx context.Context, address string) ([]EmailHolder, error) {
	held, err := l.holders(ctx, usersByEmail, lowerASCII(address))
	if isNotFound(err) {
		return nil, nil
	}
	return held.list, err
}

// holders are the users with an identifier: one at least.
type holders struct{ list []EmailHolder }

// maxHolders bounds how many users an address leads to: how many claim one is their own doing.
const maxHolders = 100

func (l *Lookups) holders(ctx context.Context, w what, value string) (held holders, err error) {
	if !plausible(value) {
		return held, missing(w)
	}
	kind := "email"
	if w == userByExternalID {
		kind = "external_id"
	}
	rows, err := l.on.Query(ctx, l.sql(`
select `+userColumns+`, i.verified
from {schema}.user_identifiers i join {schema}.users u on u.id = i.user_id
where i.kind = $1 and i.value = $2
order by i.verified desc, u.updated_at desc nulls last, u.id
limit $3`), kind, value, maxHolders)
	if err == nil {
		held.list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h EmailHolder, err error) {
			err = row.Scan(append(h.User.columns(), flag{&h.Verified})...)
			h.User.compact()
			return h, err
		})
	}
	switch {
	case err != nil:
		return held, fmt.Errorf("look up %s: %w", names[w], err)
	case len(held.list) == 0:
		return held, missing(w)
	}
	return held, nil
}
