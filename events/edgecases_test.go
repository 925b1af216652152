package events_test

import (
	"os"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// TestEdgeCasesAreRouted covers what the sources on Clerk disagree about and what real traffic is known to bring.
func TestEdgeCasesAreRouted(t *testing.T) {
	t.Parallel()
	for _, want := range edgeCases {
		t.Run(want.sample, func(t *testing.T) {
			t.Parallel()
			want.check(t)
		})
	}
}

// TestWhatHasNoEntityIsUnrouted: it keeps its own address and says why, and is never lost.
func TestWhatHasNoEntityIsUnrouted(t *testing.T) {
	t.Parallel()
	for _, want := range unrouted {
		t.Run(want.sample, func(t *testing.T) {
			t.Parallel()
			e := take(t, want.sample)
			if e.Unrouted != want.reason {
				t.Fatalf("reason %q, want %q (subject %s)", e.Unrouted, want.reason, e.Subject())
			}
			// printf %s msg_sample | sha256sum
			if want := "clerk.prod.unrouted." + idHash; e.Subject() != want {
				t.Errorf("subject %s, want %s", e.Subject(), want)
			}
			if e.Type != want.typ || strings.Join(e.Blanked, " ") != want.blanked {
				t.Errorf("type %q, blanked %q, want %q and %q", e.Type, e.Blanked, want.typ, want.blanked)
			}
			if e.Object+e.Verb+e.EntityID+string(e.Version) != "" {
				t.Errorf("an event without an entity names one: %+v", e)
			}
		})
	}
}

// TestEverySampleIsInATable keeps the tables complete: a sample nobody asserts anything about proves nothing.
func TestEverySampleIsInATable(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, table := range [][]routed{catalogue, edgeCases} {
		for _, row := range table {
			known[row.sample] = true
		}
	}
	for _, row := range unrouted {
		known[row.sample] = true
	}
	for _, name := range sampleNames(t) {
		if !known[name] {
			t.Errorf("%s.json is in no table", name)
		}
		delete(known, name)
	}
	for name := range known {
		if _, err := os.Stat(samples + name + ".json"); err != nil {
			t.Error(err)
		}
	}
}

var unrouted = []struct {
	sample  string
	reason  events.Reason
	typ     string
	blanked string
}{
	{"email.created.no-id", "no_id", "email.created", "/data/subject /data/body /data/body_plain /data/data/otp_code"},
	{"envelope.array", "not_object", "", "/0/data/private_metadata"},
	{"envelope.byte-order-mark", "not_json", "", ""},
	{"envelope.data-array", "no_id", "user.updated", "/data/0/otp_code"},
	{"envelope.data-null", "no_id", "user.updated", ""},
	{"envelope.empty-object", "no_type", "", ""},
	{"envelope.empty", "not_json", "", ""},
	{"envelope.id-empty", "no_id", "user.updated", ""},
	{"envelope.id-not-ascii", "id_form", "user.updated", ""},
	{"envelope.id-number", "no_id", "user.updated", ""},
	{"envelope.id-wildcard", "id_form", "user.updated", ""},
	{"envelope.id-with-dot", "id_form", "user.updated", ""},
	{"envelope.id-with-space", "id_form", "user.updated", ""},
	{"envelope.not-json", "not_json", "", ""},
	{"envelope.null", "not_object", "", ""},
	{"envelope.number", "not_object", "", ""},
	{"envelope.string", "not_object", "", ""},
	{"envelope.too-deep", "not_json", "", ""},
	{"envelope.trailing-text", "not_json", "", ""},
	{"envelope.truncated", "not_json", "", ""},
	{"envelope.two-texts", "not_json", "", ""},
	{"envelope.type-missing", "no_type", "", ""},
	{"envelope.type-number", "no_type", "", ""},
	{"envelope.type-one-part", "type_form", "user", ""},
	{"envelope.type-three-parts", "type_form", "user.profile.updated", "/data/message"},
	{"envelope.type-unrouted", "type_form", "unrouted.created", ""},
	{"envelope.type-wildcard", "type_form", "user.>", ""},
	{"user.created.long-id", "id_form", "user.created", "/data/private_metadata"},
	{"user.created.schema-dummy", "id_form", "user.created", "/data/private_metadata"},
	{"user.deleted.no-id", "no_id", "user.deleted", ""},
}

var edgeCases = []routed{
	{"email.created.few-fields", "email.ema_3BNnwGnrP9uiAtWEmkEaGrYEiAt.created", false, 1788256800030, 1788256800030, 1, ""},
	{"email.created.magic-link", "email.ema_3By6IVTAiKuP51QXE6xcKuZKZaf.created", false, 1788256800020, 1788256800020, 1, "/data/subject /data/body /data/body_plain /data/data/magic_link"},
	{"email.created.ticket", "email.ema_3BEAwU13espzpNtaNUCtx8B96mC.created", false, 1788343200010, 1788343200010, 1, "/data/subject /data/body /data/data/action_url /data/data/invitation/url /data/data/redirect"},
	{"enterpriseConnection.updated.polled", "enterpriseConnection.entconn_3BoKx2S51eNwvUmLdhqJFyYbiB2.updated", false, 1787997600000, 1788260400000, 2, ""},
	{"envelope.timestamp-missing", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788343200160, 0, 2, "/data/private_metadata"},
	{"envelope.timestamp-nonsense", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 0, 0, 2, ""},
	{"envelope.timestamp-string", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788429600000, 1788429600005, 2, ""},
	{"envelope.unknown-object", "apiKey.ak_3Btd0huYXIJdTAgKZGG1vYHrED8.created", false, 1790157600000, 1790157600000, 50, "/data/private_metadata"},
	{"envelope.unknown-verb", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.renamed", false, 1790157600000, 1790157600000, 50, ""},
	{"invitation.created.unconfirmed-type", "invitation.inv_3Bj0GhSYll9E998tSZoRC7om1rY.created", false, 1787911200000, 1787911200003, 50, "/data/url"},
	{"organization.created.empty-slug", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.created", false, 1788260400000, 1788260400021, 1, "/data/private_metadata"},
	{"organization.created.few-fields", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.created", false, 1788260400000, 1788260400021, 1, ""},
	{"organization.deleted.with-slug", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.deleted", true, 1790416800000, 1790416800000, 99, ""},
	{"organization.updated.seconds", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.updated", false, 1788343200000, 1788343200000, 2, "/data/private_metadata"},
	{"organizationDomain.created.null-verification", "organizationDomain.orgdmn_3BwqjMvuosORHZCBZtR1QzSrqf4.created", false, 1788343200000, 1788343200014, 1, ""},
	{"organizationDomain.created.old-verification", "organizationDomain.orgdm_3BOldPrefix0000000000000001.created", false, 1788343200000, 1788343200014, 1, ""},
	{"organizationInvitation.created.nested-organization-data", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.created", false, 1788343200000, 1788343200009, 1, "/data/private_metadata /data/url"},
	{"organizationInvitation.created.no-inviter", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.created", false, 1788343200000, 1788343200009, 1, "/data/private_metadata"},
	{"organizationInvitation.created.no-organization-id", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.created", false, 1788343200000, 1788343200009, 1, "/data/private_metadata /data/url"},
	{"organizationInvitation.created.no-status", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.created", false, 1788343200000, 1788343200009, 1, "/data/private_metadata /data/url"},
	{"organizationInvitation.created.plain-url", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.created", false, 1788343200000, 1788343200009, 1, "/data/private_metadata /data/url"},
	{"organizationInvitation.revoked.no-status", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.revoked", false, 1788429600000, 1788429600009, 3, "/data/private_metadata /data/url"},
	{"organizationMembership.created.legacy-role", "organizationMembership.orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft.created", false, 1788264000000, 1788264000011, 1, "/data/private_metadata /data/organization/private_metadata"},
	{"organizationMembership.created.no-public-user-data", "organizationMembership.orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft.created", false, 1788264000000, 1788264000011, 1, "/data/organization/private_metadata"},
	{"organizationMembership.deleted.deleted-object", "organizationMembership.orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft.deleted", true, 1789120800007, 1789120800007, 99, ""},
	{"paymentAttempt.created.payer-side-missing", "paymentAttempt.pa_3BOtherPrefix0000000000001.created", false, 1788688800000, 1788688800022, 1, ""},
	{"paymentAttempt.created.type-for-charge-type", "paymentAttempt.cpa_3BPayment00000000000000001.created", false, 1788688800000, 1788688800022, 1, ""},
	{"paymentAttempt.updated.failed", "paymentAttempt.cpa_3BPayment00000000000000001.updated", false, 1788688800900, 1788688800930, 2, ""},
	{"permission.deleted.full-object", "permission.perm_3BIDVta6vOgRgBpWurbHkhU2DjC.deleted", true, 1787392800000, 1789380000000, 99, ""},
	{"role.deleted.full-object", "role.role_3BRHgCn5kB2oRx1xLjpFaL52WHw.deleted", true, 1787565600000, 1789380000000, 99, ""},
	{"role.updated.no-permissions", "role.role_3BRHgCn5kB2oRx1xLjpFaL52WHw.updated", false, 1787652000000, 1787652000008, 2, ""},
	{"session.created.impersonated", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.created", false, 1788267600000, 1788267600012, 2, "/data/user/private_metadata"},
	{"session.created.no-status", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.created", false, 1788267600000, 1788267600012, 2, "/data/user/private_metadata"},
	{"session.created.user-null", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.created", false, 1788267600000, 1788267600012, 2, ""},
	{"session.ended.no-status", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.ended", false, 1788271200000, 1788271200012, 3, ""},
	{"sms.created.created-at", "sms.sms_3BQX3lI0nUqIy52MWdlYziA809Q.created", false, 1788256800000, 1788256800058, 1, "/data/message /data/data/otp_code"},
	{"sms.created.few-fields", "sms.sms_3BX4Y1TWRX19WQuu9fycn5Idb3j.created", false, 1788256800058, 1788256800058, 1, "/data/message"},
	{"subscription.created.no-payer-id", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.created", false, 1788343200000, 1788343200030, 1, ""},
	{"subscription.created.payer-side-missing", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.created", false, 1788343200000, 1788343200030, 1, ""},
	{"subscription.created.user-payer", "subscription.csub_3BUserSub0000000000000001.created", false, 1788343200000, 1788343200030, 1, ""},
	{"subscription.past_due.early-name", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.past_due", false, 1791367200000, 1791367200040, 50, ""},
	{"subscription.updated.ended", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.updated", false, 1791712800000, 1791712800040, 2, ""},
	{"subscriptionItem.active.seats-null", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.active", false, 1788688800000, 1788688800016, 6, ""},
	{"subscriptionItem.active.short-object", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.active", false, 1788688800000, 1788688800016, 6, ""},
	{"subscriptionItem.active.user-payer", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.active", false, 1788688800000, 1788688800016, 6, ""},
	{"subscriptionItem.created.removed-type", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.created", false, 1788688800000, 1788688800016, 1, ""},
	{"subscriptionItem.expired.unconfirmed-type", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.expired", false, 1791367200000, 1791367200016, 11, ""},
	{"subscriptionItem.updated.few-fields", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.updated", false, 1788688800000, 1788688800016, 4, ""},
	{"user.created.anonymous-oauth", "user.user_3BmZWlySyDShSCmCYgFuiCrElxs.created", false, 1788271200160, 1788271200185, 1, "/data/private_metadata"},
	{"user.created.email-password", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.created", false, 1788343200160, 1788343200185, 1, "/data/private_metadata"},
	{"user.created.legacy-google-account", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.created", false, 1788256800160, 1788256800185, 1, "/data/private_metadata"},
	{"user.created.no-instance-id", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.created", false, 1788343200160, 1788343200185, 1, "/data/private_metadata"},
	{"user.created.no-names", "user.user_3BR7ygmy2SGNecVXvaSVhKK8LDd.created", false, 1788267600160, 1788267600185, 1, "/data/private_metadata"},
	{"user.created.null-lists", "user.user_3BXYekiy1Qmh1fYXf0d5wDYT654.created", false, 1788278400160, 1788278400185, 1, ""},
	{"user.created.null-verification", "user.user_3BNe2JANeBpYxQ2de62TggGLpiU.created", false, 1788274860160, 1788274860185, 1, "/data/private_metadata"},
	{"user.created.old-shape", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.created", false, 1788343200160, 1788343200185, 1, ""},
	{"user.created.phone-only", "user.user_3ByLqUyE9YzYmV6bW7tbx4yQbK4.created", false, 1788260400160, 1788260400185, 1, "/data/private_metadata"},
	{"user.created.saml-accounts-only", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.created", false, 1788256800160, 1788256800185, 1, "/data/private_metadata"},
	{"user.created.seconds", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.created", false, 1788343200000, 1788343200000, 1, "/data/private_metadata"},
	{"user.created.unknown-fields", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.created", false, 1788343200160, 1788343200185, 1, "/data/private_metadata"},
	{"user.created.unverified-email", "user.user_3Bue5lnC1kDIt8mekzi3pHJYArx.created", false, 1788274800160, 1788274800185, 1, "/data/private_metadata"},
	{"user.created.username-only", "user.user_3BsfoVD21jMsjyqS4DaoxlPc24U.created", false, 1788264000160, 1788264000185, 1, "/data/private_metadata"},
	{"user.deleted.with-external-id", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.deleted", true, 1790071200000, 1790071200000, 99, ""},
	{"user.updated.backup-codes", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788433200000, 1788433200025, 2, "/data/phone_numbers/0/backup_codes /data/private_metadata"},
	{"user.updated.banned", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788688800000, 1788688800025, 2, "/data/private_metadata"},
	{"user.updated.bypass-client-trust", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788447600000, 1788447600025, 2, "/data/private_metadata"},
	{"user.updated.clock-ahead-data", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788688800000, 1788429600033, 2, "/data/private_metadata"},
	{"user.updated.clock-ahead", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788429600000, 1788688800033, 2, "/data/private_metadata"},
	{"user.updated.dangling-primary", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788606000000, 1788606000025, 2, "/data/private_metadata"},
	{"user.updated.deprovisioned", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788775200000, 1788775200025, 2, "/data/private_metadata"},
	{"user.updated.duplicate-names", "user.user_3BDuplicateNames0000000000001.updated", false, 1789034400001, 1789034400013, 2, "/data/private_metadata /data/private_metadata"},
	{"user.updated.email-moved", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788602400000, 1788602400025, 2, "/data/private_metadata"},
	{"user.updated.escaped-names", "user.user_3BEscapedNames000000000000001.updated", false, 1789034400000, 1789034400012, 2, "/data/private_metadata /data/phone_numbers/0/backup_codes /data/public_metadata/a~1b/m~0n/otp_code /data/unsafe_metadata/link"},
	{"user.updated.fraction-clock", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788948000006, 1788948000031, 2, "/data/private_metadata"},
	{"user.updated.huge-clock", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 999999999999999, 1788948000030, 2, "/data/private_metadata"},
	{"user.updated.invalid-utf8", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788948000004, 1788948000029, 2, "/data/private_metadata"},
	{"user.updated.locked", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788692400000, 1788692400025, 2, "/data/private_metadata"},
	{"user.updated.long-username", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788861600000, 1788861600025, 2, "/data/private_metadata"},
	{"user.updated.metadata-deep", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788948000003, 1788948000028, 2, "/data/private_metadata"},
	{"user.updated.metadata-huge-numbers", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788948000002, 1788948000027, 2, "/data/private_metadata"},
	{"user.updated.metadata-lone-surrogates", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788948000001, 1788948000026, 2, "/data/private_metadata"},
	{"user.updated.metadata-nul", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788948000000, 1788948000025, 2, "/data/private_metadata"},
	{"user.updated.no-event-attributes", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1788429600000, 1788429600025, 2, "/data/private_metadata"},
	{"user.updated.odd-whitespace", "user.user_3BOddWhitespace000000000000001.updated", false, 1789034400002, 1789034400014, 2, "/data/private_metadata"},
	{"user.updated.older-than-current", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788343200000, 1788343200030, 2, "/data/private_metadata"},
	{"user.updated.primary-not-first", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788516000000, 1788516000025, 2, "/data/private_metadata"},
	{"user.updated.redirect-url", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788436800000, 1788436800025, 2, "/data/external_accounts/0/verification/external_verification_redirect_url /data/private_metadata"},
	{"user.updated.signed-avatar", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788440400000, 1788440400025, 2, "/data/private_metadata"},
	{"user.updated.ticket-link-in-metadata", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788444000000, 1788444000025, 2, "/data/public_metadata/last_invite /data/private_metadata"},
	{"user.updated.wrong-types", "user.user_3B0cYtZ5WOSvvMeHoGhQDI7Iysv.updated", false, 1789034400003, 1789034400015, 2, "/data/private_metadata"},
	{"waitlistEntry.created.camel-object", "waitlistEntry.wle_3BC8N1Y1zcSp531AVEWBDi7EGoH.created", false, 1787824800000, 1787824800003, 1, ""},
	{"waitlistEntry.created.few-fields", "waitlistEntry.wle_3BC8N1Y1zcSp531AVEWBDi7EGoH.created", false, 1787824800000, 1787824800003, 1, ""},
	{"waitlistEntry.updated.plain-url", "waitlistEntry.wle_3BC8N1Y1zcSp531AVEWBDi7EGoH.updated", false, 1787911200000, 1787911200003, 2, "/data/invitation/url"},
}
