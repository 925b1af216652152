package projections

import (
	"strings"

	"github.com/clerkstream/clerkstream/events"
)

func users() Projection {
	type T = events.User
	return &State[T]{
		Model: "users", Object: events.ObjectUser,
		Columns: []Column[T]{
			Text("external_id", func(u *T) string { return u.ExternalID }),
			Text("username", func(u *T) string { return u.Username }),
			Text("first_name", func(u *T) string { return u.FirstName }),
			Text("last_name", func(u *T) string { return u.LastName }),
			Text("image_url", func(u *T) string { return u.ImageURL }),
			Text("primary_email", primaryEmail),
			Bool("primary_email_verified", func(u *T) bool { e := u.PrimaryEmail(); return e != nil && e.Verification.Verified() }),
			Text("primary_phone", primaryPhone),
			Bool("banned", func(u *T) bool { return u.Banned }),
			Bool("locked", func(u *T) bool { return u.Locked }),
			Bool("deprovisioned", func(u *T) bool { return u.Deprovisioned }),
			Bool("password_enabled", func(u *T) bool { return u.PasswordEnabled }),
			Bool("two_factor_enabled", func(u *T) bool { return u.TwoFactorEnabled }),
			JSONArray("email_addresses", func(u *T) events.JSON { return u.EmailAddresses.Raw }),
			JSONArray("phone_numbers", func(u *T) events.JSON { return u.PhoneNumbers.Raw }),
			JSONArray("external_accounts", func(u *T) events.JSON { return u.ExternalAccounts.Raw }),
			JSONArray("enterprise_accounts", func(u *T) events.JSON { return u.EnterpriseAccounts.Raw }),
			JSONObject("public_metadata", func(u *T) events.JSON { return u.PublicMetadata }),
			JSONObject("unsafe_metadata", func(u *T) events.JSON { return u.UnsafeMetadata }),
			Moment("last_sign_in_at", func(u *T) events.Time { return u.LastSignInAt }),
			Moment("last_active_at", func(u *T) events.Time { return u.LastActiveAt }),
			Moment("created_at", func(u *T) events.Time { return u.CreatedAt }),
			Moment("updated_at", func(u *T) events.Time { return u.UpdatedAt }),
		},
		Private:  []Column[T]{JSONObject("private_metadata", func(u *T) events.JSON { return u.PrivateMetadata })},
		Children: []Child[T]{userIdentifiers()},
		Tenant:   `id = ` + CurrentUser + ` or ` + memberOfCurrentOrg("users.id"),
		Needs:    []string{"organizations", "organization_memberships"},
	}
}

// userIdentifiers is everything a user can be found by. It is the index that every lookup uses: an address moves between users and may be listed
// by several, so it belongs to no column of users.
func userIdentifiers() Child[events.User] {
	return Child[events.User]{
		Name: "user_identifiers", Owner: "user_id",
		Columns: []ChildColumn{{"kind", TypeText, true}, {"value", TypeText, true}, {"verified", TypeBool, false}},
		Indexes: []string{`(kind, value)`},
		Rows:    addIdentifiers,
		Hide:    []string{DeletedParent("users", "user_id")},
		Tenant:  `user_id = ` + CurrentUser + ` or ` + memberOfCurrentOrg("user_identifiers.user_id"),
	}
}

func addIdentifiers(u *events.User, rows *ChildRows) {
	for _, e := range u.EmailAddresses.Items {
		rows.Add("email", lowerASCII(e.EmailAddress), e.Verification.Verified())
	}
	for _, p := range u.PhoneNumbers.Items {
		rows.Add("phone", p.PhoneNumber, p.Verification.Verified())
	}
	for _, w := range u.Web3Wallets {
		rows.Add("web3_wallet", w.Web3Wallet, w.Verification.Verified())
	}
	rows.Add("username", u.Username, true)
	rows.Add("external_id", u.ExternalID, true)
	for _, a := range u.ExternalAccounts.Items {
		rows.Add(a.Provider, a.ProviderUserID, a.Verification.Verified())
	}
	for _, a := range u.EnterpriseAccounts.Items {
		rows.Add(a.Provider, a.ProviderUserID, a.Verification.Verified())
	}
}

// lowerASCII folds what Postgres' lower folds under COLLATE "C", so that an address and an invitation to it meet, and no other two do: Unicode
// knows letters that only look foreign to each other, such as the Kelvin sign.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func primaryEmail(u *events.User) string {
	if e := u.PrimaryEmail(); e != nil {
		return e.EmailAddress
	}
	return ""
}

func primaryPhone(u *events.User) string {
	if p := u.PrimaryPhone(); p != nil {
		return p.PhoneNumber
	}
	return ""
}

// memberOfCurrentOrg is true for a user who is a live member of the active, live organization.
func memberOfCurrentOrg(userID string) string {
	return `exists (select from {tables}.organization_memberships m where m.user_id = ` + userID + ` and m.organization_id = ` + CurrentOrg + ` and not m.deleted` +
		` and not exists (select from {tables}.organizations o where o.id = m.organization_id and o.deleted))`
}
