package events_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkstream/clerkstream/events"
)

// routed is what the stream must know of a sample that names an entity: where it goes, how it is ordered, what is blanked.
type routed struct {
	sample, subject  string
	deleted          bool
	source, observed int64
	rank             int
	blanked          string
}

func (want routed) check(t *testing.T) {
	t.Helper()
	e := take(t, want.sample)
	if e.Unrouted != "" {
		t.Fatalf("unrouted: %s", e.Unrouted)
	}
	parts, err := e.Version.Parse()
	if err != nil {
		t.Fatal(err)
	}
	got := routed{
		want.sample, strings.TrimPrefix(e.Subject(), "clerk.prod."),
		parts.Deleted, parts.Source, parts.Observed, parts.Rank, strings.Join(e.Blanked, " "),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(routed{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if parts.Epoch != 0 || parts.EventID != e.ID {
		t.Errorf("version of epoch %d and event %q, want 0 and %q", parts.Epoch, parts.EventID, e.ID)
	}
}

// TestCatalogueIsRouted has one row for each type in Clerk's webhook catalogue of 2026-08-14.
func TestCatalogueIsRouted(t *testing.T) {
	t.Parallel()
	for _, want := range catalogue {
		t.Run(want.sample, func(t *testing.T) {
			t.Parallel()
			want.check(t)
			e := take(t, want.sample)
			if e.Type != want.sample {
				t.Errorf("type %q, want the sample's name", e.Type)
			}
			if !events.CarriesState(e.Object, e.Verb) {
				t.Errorf("%s does not carry state: no projection would ever read it", e.Type)
			}
		})
	}
	if len(catalogue) != 45 {
		t.Errorf("%d types in the table, the catalogue has 45", len(catalogue))
	}
}

var catalogue = []routed{
	{"email.created", "email.ema_3BBkITVbesTaR3SQUK85KjkFqD3.created", false, 1788256800010, 1788256800010, 1, "/data/subject /data/body /data/body_plain /data/data/otp_code"},
	{"organization.created", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.created", false, 1788260400000, 1788260400021, 1, "/data/private_metadata"},
	{"organization.deleted", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.deleted", true, 1790416800000, 1790416800000, 99, ""},
	{"organization.updated", "organization.org_3BEZfDIWfuTIIiLSwGud5CJIfjh.updated", false, 1788343200000, 1788343200017, 2, "/data/private_metadata"},
	{"organizationDomain.created", "organizationDomain.orgdmn_3BwqjMvuosORHZCBZtR1QzSrqf4.created", false, 1788343200000, 1788343200014, 1, ""},
	{"organizationDomain.deleted", "organizationDomain.orgdmn_3BwqjMvuosORHZCBZtR1QzSrqf4.deleted", true, 1789293600000, 1789293600000, 99, ""},
	{"organizationDomain.updated", "organizationDomain.orgdmn_3BwqjMvuosORHZCBZtR1QzSrqf4.updated", false, 1788516000000, 1788516000014, 2, ""},
	{"organizationInvitation.accepted", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.accepted", false, 1788429600000, 1788429600009, 2, "/data/private_metadata"},
	{"organizationInvitation.created", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.created", false, 1788343200000, 1788343200009, 1, "/data/private_metadata /data/url"},
	{"organizationInvitation.revoked", "organizationInvitation.orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG.revoked", false, 1788429600000, 1788429600009, 3, "/data/private_metadata"},
	{"organizationMembership.created", "organizationMembership.orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft.created", false, 1788264000000, 1788264000011, 1, "/data/private_metadata /data/organization/private_metadata"},
	{"organizationMembership.deleted", "organizationMembership.orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft.deleted", true, 1788429600000, 1789120800007, 99, "/data/private_metadata /data/organization/private_metadata"},
	{"organizationMembership.updated", "organizationMembership.orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft.updated", false, 1788429600000, 1788429600011, 2, "/data/private_metadata /data/organization/private_metadata"},
	{"paymentAttempt.created", "paymentAttempt.cpa_3BPayment00000000000000001.created", false, 1788688800000, 1788688800022, 1, ""},
	{"paymentAttempt.updated", "paymentAttempt.cpa_3BPayment00000000000000001.updated", false, 1788688800900, 1788688800930, 2, ""},
	{"permission.created", "permission.perm_3BXlwCSKEZnoGEM5xG6mRKEmz0a.created", false, 1787392800000, 1787392800006, 1, ""},
	{"permission.deleted", "permission.perm_3BIDVta6vOgRgBpWurbHkhU2DjC.deleted", true, 1789380000000, 1789380000000, 99, ""},
	{"permission.updated", "permission.perm_3BXlwCSKEZnoGEM5xG6mRKEmz0a.updated", false, 1787479200000, 1787479200006, 2, ""},
	{"role.created", "role.role_3BRHgCn5kB2oRx1xLjpFaL52WHw.created", false, 1787479200000, 1787479200008, 1, ""},
	{"role.deleted", "role.role_3BRHgCn5kB2oRx1xLjpFaL52WHw.deleted", true, 1789380000000, 1789380000000, 99, ""},
	{"role.updated", "role.role_3BRHgCn5kB2oRx1xLjpFaL52WHw.updated", false, 1787565600000, 1787565600008, 2, ""},
	{"session.created", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.created", false, 1788267600000, 1788267600012, 2, "/data/user/private_metadata"},
	{"session.ended", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.ended", false, 1788271200000, 1788271200012, 3, "/data/user/private_metadata"},
	{"session.pending", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.pending", false, 1788267600000, 1788267600004, 1, "/data/user/private_metadata"},
	{"session.removed", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.removed", false, 1788271200001, 1788271200013, 4, "/data/user/private_metadata"},
	{"session.revoked", "session.sess_3BLipiROB1UOrmhVZTbpOsPISiX.revoked", false, 1788271200002, 1788271200014, 5, "/data/user/private_metadata"},
	{"sms.created", "sms.sms_3BJbps7f734PVu6ZYL84oWibVa5.created", false, 1788256800050, 1788256800058, 1, "/data/message /data/data/otp_code"},
	{"subscription.active", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.active", false, 1788775200000, 1788775200040, 3, ""},
	{"subscription.created", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.created", false, 1788260400500, 1788260400530, 1, ""},
	{"subscription.pastDue", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.pastDue", false, 1791367200000, 1791367200040, 4, ""},
	{"subscription.updated", "subscription.csub_3BCdJo1cELaBmQVeHB2NuYGKNl3.updated", false, 1788688800000, 1788688800040, 2, ""},
	{"subscriptionItem.abandoned", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.abandoned", false, 1789552800000, 1789552800016, 10, ""},
	{"subscriptionItem.active", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.active", false, 1789293600000, 1789293600016, 6, ""},
	{"subscriptionItem.canceled", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.canceled", false, 1789466400000, 1789466400016, 8, ""},
	{"subscriptionItem.ended", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.ended", false, 1789207200000, 1789207200016, 9, ""},
	{"subscriptionItem.freeTrialEnding", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.freeTrialEnding", false, 1790071200000, 1790071200016, 5, ""},
	{"subscriptionItem.incomplete", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.incomplete", false, 1789639200000, 1789639200016, 3, ""},
	{"subscriptionItem.pastDue", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.pastDue", false, 1789380000000, 1789380000016, 7, ""},
	{"subscriptionItem.upcoming", "subscriptionItem.csub_item_3Bi3Kz2QohAT007LGC3WhMwAAiV.upcoming", false, 1789466400000, 1789466400016, 2, ""},
	{"subscriptionItem.updated", "subscriptionItem.csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc.updated", false, 1789380000000, 1789380000016, 4, ""},
	{"user.created", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.created", false, 1788256800160, 1788256800185, 1, "/data/private_metadata"},
	{"user.deleted", "user.user_3B86PToy51uQ9GlyRPGGrrld8uO.deleted", true, 1789984800000, 1789984800000, 99, ""},
	{"user.updated", "user.user_3BNOdC6diU0mj4ZzRupOdo04Sis.updated", false, 1788429600000, 1788429600025, 2, "/data/private_metadata"},
	{"waitlistEntry.created", "waitlistEntry.wle_3BC8N1Y1zcSp531AVEWBDi7EGoH.created", false, 1787824800000, 1787824800003, 1, ""},
	{"waitlistEntry.updated", "waitlistEntry.wle_3BC8N1Y1zcSp531AVEWBDi7EGoH.updated", false, 1787911200000, 1787911200003, 2, "/data/invitation/url"},
}
