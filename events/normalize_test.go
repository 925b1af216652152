package events_test

import (
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

func payload[T any](t *testing.T, name string) T {
	t.Helper()
	e := take(t, name)
	p, err := events.Payload[T](&e)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// TestOldAndOddShapesReadLikeTheNewest: each row is one field that a reader would miss, or misread, without normalising.
func TestOldAndOddShapesReadLikeTheNewest(t *testing.T) {
	t.Parallel()
	invitation := func(name string) events.OrganizationInvitation {
		return payload[events.OrganizationInvitation](t, "organizationInvitation."+name)
	}
	account := func(name string) events.ExternalAccount {
		return payload[events.User](t, "user.created."+name).ExternalAccounts.Items[0]
	}
	domain := func(name string) string {
		return string(payload[events.OrganizationDomain](t, "organizationDomain."+name).AffiliationVerification)
	}
	for name, pair := range map[string][2]string{
		"an invitation without organization_id":       {invitation("created.no-organization-id").OrganizationID, orgID},
		"its organization one level deeper":           {invitation("created.nested-organization-data").OrganizationID, orgID},
		"an invitation without status, created":       {invitation("created.no-status").Status, "pending"},
		"an invitation without status, revoked":       {invitation("revoked.no-status").Status, "revoked"},
		"a session without status, created":           {payload[events.Session](t, "session.created.no-status").Status, "active"},
		"a session without status, ended":             {payload[events.Session](t, "session.ended.no-status").Status, "ended"},
		"a session that is pending":                   {payload[events.Session](t, "session.pending").Status, "pending"},
		"a legacy Google account's provider":          {account("legacy-google-account").Provider, "oauth_google"},
		"a legacy Google account's user id":           {account("legacy-google-account").ProviderUserID, "117000000000000000042"},
		"an account of another provider":              {account("anonymous-oauth").Provider, "oauth_github"},
		"an account in saml_accounts only":            {payload[events.User](t, "user.created.saml-accounts-only").EnterpriseAccounts.Items[0].ID, "samlacc_3BOkta0000000000000000001"},
		"the raw list moves with it":                  {string(payload[events.User](t, "user.created.saml-accounts-only").EnterpriseAccounts.Raw), string(member(t, "user.created.saml-accounts-only", "saml_accounts"))},
		"enterprise_accounts stand where they are":    {payload[events.User](t, "user.created").EnterpriseAccounts.Items[0].ID, "entacc_3BOkta0000000000000000001"},
		"a domain's verification by its older name":   {domain("created.old-verification"), string(member(t, "organizationDomain.created.old-verification", "verification"))},
		"a domain with nothing verified":              {domain("created.null-verification"), ""},
		"a payment's type, as the guides call it":     {payload[events.PaymentAttempt](t, "paymentAttempt.created.type-for-charge-type").ChargeType, "recurring"},
		"a subscription without payer_id":             {payload[events.Subscription](t, "subscription.created.no-payer-id").PayerID, payerID},
		"a payer whose other side is missing":         {payload[events.Subscription](t, "subscription.created.payer-side-missing").Payer.UserID, ""},
		"a waitlist entry that spells object its way": {payload[events.WaitlistEntry](t, "waitlistEntry.created.camel-object").Status, "pending"},
		"an item that spells object its way":          {payload[events.SubscriptionItem](t, "subscriptionItem.active.short-object").SubscriptionID, subID},
		"an item of a type that Clerk took back":      {payload[events.SubscriptionItem](t, "subscriptionItem.created.removed-type").Status, "active"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %q, want %q", name, pair[0], pair[1])
		}
	}
}

func TestOldTimesReadLikeTheNewest(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]events.Time{
		"created_at_ms":        {payload[events.SMS](t, "sms.created").CreatedAt, t0 + 50},
		"created_at, seconds":  {payload[events.SMS](t, "sms.created.created-at").CreatedAt, t0},
		"no clock":             {payload[events.SMS](t, "sms.created.few-fields").CreatedAt, 0},
		"seconds":              {payload[events.User](t, "user.created.seconds").UpdatedAt, t0 + day},
		"fractions of seconds": {payload[events.User](t, "user.updated.fraction-clock").UpdatedAt, t0 + 8*day + 6},
		"a number in quotes":   {payload[events.User](t, "envelope.timestamp-string").UpdatedAt, t0 + 2*day},
		"beyond every width":   {payload[events.User](t, "user.updated.huge-clock").UpdatedAt, maxClock},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %d, want %d", name, pair[0], pair[1])
		}
	}
}

func TestTimeReads(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]events.Time{
		`1788256800123`: 1788256800123, `1788256800`: 1788256800000, `1788256800.25`: 1788256800250, `1.788256800123e12`: 1788256800123,
		`"1788256800123"`: 1788256800123, `"1788256800"`: 1788256800000, `999999999999`: 999999999999000, `1000000000000`: 1000000000000,
		`0`: 0, `-1`: 0, `-1e400000`: 0, `1e400000`: maxClock, `99999999999999999999`: maxClock, `9223372036854775807`: maxClock, `42.5`: 42500,
		`null`: 0, `true`: 0, `{}`: 0, `[1]`: 0, `""`: 0, `"soon"`: 0, `"inf"`: 0, `"NaN"`: 0, `"0x7f"`: 0, `"2026-09-01T10:00:00Z"`: 0,
	} {
		e := takeBody([]byte(`{"type":"user.updated","data":{"id":"user_1","updated_at":` + raw + `}}`))
		u, err := events.Payload[events.User](&e)
		if err != nil || u.UpdatedAt != want {
			t.Errorf("%s: payload %d (%v), want %d", raw, u.UpdatedAt, err, want)
		}
		if v, err := e.Version.Parse(); err != nil || v.Source != int64(want) {
			t.Errorf("%s: version %d (%v), want %d", raw, v.Source, err, want)
		}
	}
}

// TestPrimary: the ids name it, never the order.
func TestPrimary(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		email, phone string
		verified     bool
	}{
		"user.created":                   {"Noor.Haddad@birchwood.example", "+12025550117", true},
		"user.updated.primary-not-first": {"noor@elsewhere.example", "+12025550117", true},
		"user.updated.email-moved":       {"Noor.Haddad@birchwood.example", "", true},
		"user.updated.dangling-primary":  {},
		"user.created.unverified-email":  {"unproven@mail.example", "", false},
		"user.created.null-verification": {"imported@mail.example", "", false},
		"user.created.phone-only":        {"", "+12025550142", false},
		"user.created.username-only":     {},
		"user.created.anonymous-oauth":   {},
		"user.created.null-lists":        {},
		"user.deleted":                   {},
	} {
		u := payload[events.User](t, name)
		email, phone := "", ""
		if p := u.PrimaryPhone(); p != nil {
			phone = p.PhoneNumber
		}
		verified := false
		if p := u.PrimaryEmail(); p != nil {
			email, verified = p.EmailAddress, p.Verification.Verified()
		}
		if email != want.email || phone != want.phone || verified != want.verified {
			t.Errorf("%s: e-mail %q (verified %t), phone %q, want %+v", name, email, verified, phone, want)
		}
	}
	// An address without an id is nobody's primary, also where no primary is named.
	e := takeBody([]byte(`{"type":"user.updated","data":{"id":"user_1","email_addresses":[{"email_address":"a@x.example"}],"phone_numbers":[{"phone_number":"+1"}]}}`))
	if u, err := events.Payload[events.User](&e); err != nil || u.PrimaryEmail() != nil || u.PrimaryPhone() != nil {
		t.Errorf("%v: %+v", err, u)
	}
}

// TestPoisonIsReadable: what an end user can write must not make a body unreadable, or a ban could be dodged with a display name.
func TestPoisonIsReadable(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"metadata-nul": "Tomasz", "metadata-lone-surrogates": "Tomasz \uFFFD", "metadata-huge-numbers": "Tomasz", "metadata-deep": "Tomasz",
		"invalid-utf8": "Tom\uFFFD\uFFFDasz",
	} {
		u := payload[events.User](t, "user.updated."+name)
		if !u.Banned || u.ID != tomaszID || u.FirstName != first {
			t.Errorf("%s: %q, first name %q, banned %t", name, u.ID, u.FirstName, u.Banned)
		}
	}
	if u := payload[events.User](t, "user.updated.long-username"); len(u.Username) != 4096 || !strings.HasPrefix(u.Username, "long-n") {
		t.Errorf("username of %d bytes", len(u.Username))
	}
	if u := payload[events.User](t, "user.updated.metadata-nul"); u.LastName != "Ziel\x00inski" {
		t.Errorf("last name %q", u.LastName)
	}
	if u := payload[events.User](t, "user.updated.duplicate-names"); u.FirstName != "Second" {
		t.Errorf("of two names the last one counts, not %q", u.FirstName)
	}
}
