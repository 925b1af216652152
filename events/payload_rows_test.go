package events_test

import (
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// The people and things of the samples' story.
const (
	noorID   = "user_3BNOdC6diU0mj4ZzRupOdo04Sis"
	tomaszID = "user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv"
	leaverID = "user_3B86PToy51uQ9GlyRPGGrrld8uO"
	orgID    = "org_3BEZfDIWfuTIIiLSwGud5CJIfjh"
	payerID  = "cpayer_3BBsMeNa22C4U4LrSz3XxdTfakt"
	image    = "https://img.clerk.com/ZXhhbXBsZS1pbWFnZQ"

	t0  events.Time = 1788256800000 // 2026-09-01T10:00:00Z
	day events.Time = 86_400_000
)

func verified(strategy string) *events.Verification {
	return &events.Verification{Status: "verified", Strategy: strategy}
}

func decodings(t *testing.T) []decoding {
	t.Helper()
	var all []decoding
	for _, part := range []func(*testing.T) []decoding{userRows, organizationRows, sessionRows, messageRows, billingRows} {
		all = append(all, part(t)...)
	}
	return all
}

func noor(t *testing.T) events.User {
	const name = "user.updated"
	accounts := []events.EnterpriseAccount{{
		ID: "entacc_3BOkta0000000000000000001", Protocol: "saml", Provider: "saml_okta", Active: true,
		EmailAddress: "noor.haddad@birchwood.example", ProviderUserID: "00u-birchwood-0001", Verification: verified("saml"),
	}}
	saml := []events.EnterpriseAccount{accounts[0]}
	saml[0].ID, saml[0].Protocol = "samlacc_3BOkta0000000000000000001", ""
	return events.User{
		ID: noorID, ExternalID: "crm-204", Username: "noor_h", FirstName: "Noor", LastName: "Haddad-Okoye", Locale: "en-US",
		ImageURL: image, HasImage: true,
		PrimaryEmailAddressID: "idn_3BVqlh3XuonKOffIzdFbcAJOGqB",
		PrimaryPhoneNumberID:  "idn_3BUI6Xo6UbSOhHOvFASTYVThl1g",
		PrimaryWeb3WalletID:   "idn_3BOq8Y3vcoN581uEGUVHGCGPAKj",
		EmailAddresses: events.List[events.EmailAddress]{Raw: member(t, name, "email_addresses"), Items: []events.EmailAddress{
			{ID: "idn_3BVqlh3XuonKOffIzdFbcAJOGqB", EmailAddress: "Noor.Haddad@birchwood.example", Verification: verified("email_code")},
		}},
		PhoneNumbers: events.List[events.PhoneNumber]{Raw: member(t, name, "phone_numbers"), Items: []events.PhoneNumber{
			{ID: "idn_3BUI6Xo6UbSOhHOvFASTYVThl1g", PhoneNumber: "+12025550117", Verification: verified("phone_code")},
		}},
		Web3Wallets: []events.Web3Wallet{{
			ID: "idn_3BOq8Y3vcoN581uEGUVHGCGPAKj", Web3Wallet: "0x000000000000000000000000000000000000bEEF",
			Verification: verified("web3_metamask_signature"),
		}},
		Passkeys: member(t, name, "passkeys"),
		ExternalAccounts: events.List[events.ExternalAccount]{Raw: member(t, name, "external_accounts"), Items: []events.ExternalAccount{{
			Object: "google_account", ID: "idn_3BhvqnM5EEj9DyZuQDOezRJeJrc", Provider: "oauth_google",
			ProviderUserID: "117000000000000000042", GoogleID: "117000000000000000042",
			EmailAddress: "noor.haddad@birchwood.example", Verification: verified("oauth_google"),
		}}},
		EnterpriseAccounts: events.List[events.EnterpriseAccount]{Raw: member(t, name, "enterprise_accounts"), Items: accounts},
		SAMLAccounts:       events.List[events.EnterpriseAccount]{Raw: member(t, name, "saml_accounts"), Items: saml},
		PasswordEnabled:    true, TwoFactorEnabled: true, TOTPEnabled: true, BackupCodeEnabled: true,
		PasswordLastUpdatedAt: t0, MFAEnabledAt: t0 + 2*day,
		PublicMetadata:    events.JSON(`{"tier":"gold"}`),
		PrivateMetadata:   events.JSON(`{"risk_score":7}`),
		UnsafeMetadata:    events.JSON(`{"signup_source":"ad-17"}`),
		DeleteSelfEnabled: true, CreateOrganizationEnabled: true,
		LastActiveAt: 1788220800000, LastSignInAt: t0 + 150, LegalAcceptedAt: t0, CreatedAt: t0, UpdatedAt: t0 + 2*day,
	}
}

func tomasz(t *testing.T, name string) events.User {
	const emailID = "idn_3B5Hus44uXZLfbVBm3Ut3xh98RE"
	return events.User{
		ID: tomaszID, FirstName: "Tomasz", LastName: "Zieliński", ImageURL: image, PrimaryEmailAddressID: emailID,
		EmailAddresses: events.List[events.EmailAddress]{Raw: member(t, name, "email_addresses"), Items: []events.EmailAddress{
			{ID: emailID, EmailAddress: "tomasz@birchwood.example", Verification: verified("email_code")},
		}},
		Web3Wallets: []events.Web3Wallet{}, Passkeys: events.JSON(`[]`),
		PasswordEnabled: true, PasswordLastUpdatedAt: t0 + day,
		PublicMetadata: events.JSON(`{}`), PrivateMetadata: events.JSON(`{}`), UnsafeMetadata: events.JSON(`{}`),
		DeleteSelfEnabled: true, CreateOrganizationEnabled: true,
		LastActiveAt: 1788307200000, LastSignInAt: t0 + day + 40, CreatedAt: t0 + day,
	}
}

func userRows(t *testing.T) []decoding {
	trusted := noor(t)
	trusted.BypassClientTrust, trusted.MFADisabledAt, trusted.UpdatedAt = true, t0+2*day+18_000_000, t0+2*day+18_000_000
	trusted.TwoFactorEnabled, trusted.TOTPEnabled, trusted.BackupCodeEnabled, trusted.MFAEnabledAt = false, false, false, 0
	trusted.LastName, trusted.Locale = "Haddad", "en-GB"

	banned := tomasz(t, "user.updated.banned")
	banned.Banned, banned.UpdatedAt = true, t0+5*day
	locked := tomasz(t, "user.updated.locked")
	locked.Locked, locked.UpdatedAt = true, t0+5*day+3_600_000
	gone := tomasz(t, "user.updated.deprovisioned")
	gone.Deprovisioned, gone.UpdatedAt = true, t0+6*day
	gone.SCIM = events.JSON(`{"directory_id":"dir_3BdhOp9bhSjuVmYywCCZ6BARpPZ","directory_enabled":true,"external_id":"00u-birchwood-0002"}`)
	return []decoding{
		reads("user.updated", noor(t)),
		reads("user.updated.bypass-client-trust", trusted),
		reads("user.updated.banned", banned),
		reads("user.updated.locked", locked),
		reads("user.updated.deprovisioned", gone),
		reads("user.deleted", events.User{ID: leaverID}),
		reads("user.deleted.with-external-id", events.User{ID: noorID, ExternalID: "crm-204"}),
	}
}

func sessionRows(t *testing.T) []decoding {
	return []decoding{
		reads("session.created.impersonated", events.Session{
			ID: "sess_3BLipiROB1UOrmhVZTbpOsPISiX", UserID: tomaszID, ClientID: "client_3BTr18azbt038TrYMG6Fc23kkKs", Status: "active",
			Actor: events.JSON(`{"sub":"` + noorID + `"}`), LastActiveOrganizationID: orgID, LastActiveAt: t0 + 10_800_000,
			LatestActivity: member(t, "session.created.impersonated", "latest_activity"),
			ExpireAt:       t0 + 10*day, AbandonAt: t0 + 40*day, CreatedAt: t0 + 10_800_000, UpdatedAt: t0 + 10_800_000,
		}),
		reads("enterpriseConnection.updated.polled", events.EnterpriseConnection{
			ID: "entconn_3BoKx2S51eNwvUmLdhqJFyYbiB2", Name: "Birchwood Okta", OrganizationID: orgID, Active: true,
			Provider: "saml_okta", Protocol: "saml", Domains: events.JSON(`["birchwood.example","mills.example"]`),
			SyncUserAttributes: true, AllowSubdomains: true, DisableAdditionalIdentifications: true,
			CreatedAt: t0 - 30*day, UpdatedAt: t0 - 3*day,
		}),
	}
}

func messageRows(t *testing.T) []decoding {
	return []decoding{
		reads("email.created", events.Email{
			ID: "ema_3BBkITVbesTaR3SQUK85KjkFqD3", Slug: "verification_code", FromEmailName: "hello",
			ToEmailAddress: "tomasz@birchwood.example", EmailAddressID: "idn_3B5Hus44uXZLfbVBm3Ut3xh98RE", UserID: tomaszID,
			Status: "queued", DeliveredByClerk: true,
		}),
		reads("sms.created", events.SMS{
			ID: "sms_3BJbps7f734PVu6ZYL84oWibVa5", Slug: "verification_code", FromPhoneNumber: "+12025550100",
			ToPhoneNumber: "+12025550117", PhoneNumberID: "idn_3BUI6Xo6UbSOhHOvFASTYVThl1g", UserID: noorID,
			Status: "queued", DeliveredByClerk: true, CreatedAt: t0 + 50, CreatedAtMS: t0 + 50,
		}),
		reads("waitlistEntry.updated", events.WaitlistEntry{
			ID: "wle_3BC8N1Y1zcSp531AVEWBDi7EGoH", EmailAddress: "eager@elsewhere.example", Status: "invited", IsLocked: true,
			Invitation: events.JSON(`{"object":"invitation","id":"inv_3BkzshV0AsZY6UHifPcOKRDiI4C",` +
				`"email_address":"eager@elsewhere.example","public_metadata":{},"revoked":false,"status":"pending","url":null,` +
				`"expires_at":1790503200000,"created_at":1787911200000,"updated_at":1787911200000}`),
			CreatedAt: t0 - 5*day, UpdatedAt: t0 - 4*day,
		}),
	}
}
