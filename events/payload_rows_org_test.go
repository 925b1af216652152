package events_test

import (
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

func organizationRows(t *testing.T) []decoding {
	return append(membershipRows(), append(roleRows(t),
		reads("organization.updated", events.Organization{
			ID: orgID, Name: "Birchwood Mills & Sons", Slug: "birchwood-mills", ImageURL: image, HasImage: true,
			MembersCount: new(int64(2)), PendingInvitationsCount: new(int64(1)), MissingMemberWithElevatedPermissions: true,
			MaxAllowedMemberships: new(int64(20)), AdminDeleteEnabled: true,
			PublicMetadata: events.JSON(`{"region":"north"}`), PrivateMetadata: events.JSON(`{"ledger":"bm-17"}`),
			CreatedBy: noorID, RoleSetKey: "role_set:default", LastActiveAt: 1788220800000,
			CreatedAt: t0 + 3_600_000, UpdatedAt: t0 + day,
		}),
		reads("organization.created.few-fields", events.Organization{
			ID: orgID, Name: "Birchwood Mills", MaxAllowedMemberships: new(int64(20)), AdminDeleteEnabled: true,
			PublicMetadata: events.JSON(`{}`), CreatedAt: t0 + 3_600_000, UpdatedAt: t0 + 3_600_000,
		}),
		reads("organization.deleted.with-slug", events.Organization{ID: orgID, Slug: "birchwood-mills"}),
		reads("organizationDomain.updated", events.OrganizationDomain{
			ID: "orgdmn_3BwqjMvuosORHZCBZtR1QzSrqf4", OrganizationID: orgID, Name: "birchwood.example",
			EnrollmentMode: "automatic_suggestion", AffiliationEmailAddress: "noor.haddad@birchwood.example",
			AffiliationVerification: member(t, "organizationDomain.updated", "affiliation_verification"),
			OwnershipVerification:   member(t, "organizationDomain.updated", "ownership_verification"),
			Verification:            member(t, "organizationDomain.updated", "verification"),
			TotalPendingInvitations: new(int64(2)), TotalPendingSuggestions: new(int64(5)), CreatedAt: t0 + day, UpdatedAt: t0 + 3*day,
		}),
		reads("organizationDomain.deleted", events.OrganizationDomain{ID: "orgdmn_3BwqjMvuosORHZCBZtR1QzSrqf4"}),
	)...)
}

func membershipRows() []decoding {
	member := events.OrganizationMembership{
		ID: "orgmem_3BIXpwYIhjhtLbyLot7m5pTXnft", Role: "org:bookkeeper", RoleName: "Bookkeeper",
		Permissions:    events.JSON(`["org:ledger:read"]`),
		PublicMetadata: events.JSON(`{"desk":"4F"}`), PrivateMetadata: events.JSON(`{"salary_band":"C"}`),
		CreatedAt: t0 + 7_200_000, UpdatedAt: t0 + 2*day,
	}
	member.Organization.ID, member.PublicUserData.UserID = orgID, tomaszID

	invited := events.OrganizationInvitation{
		ID: "orginv_3BjhqNU3GZoAvleWjDhrCx3PFLG", OrganizationID: orgID, EmailAddress: "newcomer@elsewhere.example",
		Role: "org:member", RoleName: "Member", Status: "accepted", InviterID: noorID, UserID: leaverID,
		PublicMetadata: events.JSON(`{"team":"looms"}`), PrivateMetadata: events.JSON(`{}`),
		ExpiresAt: t0 + 31*day, CreatedAt: t0 + day, UpdatedAt: t0 + 2*day,
	}
	invited.PublicOrganizationData.ID = orgID
	return []decoding{
		reads("organizationMembership.updated", member),
		reads("organizationMembership.deleted", member),
		reads("organizationMembership.deleted.deleted-object", events.OrganizationMembership{ID: member.ID}),
		reads("organizationInvitation.accepted", invited),
	}
}

func roleRows(t *testing.T) []decoding {
	read := events.Permission{
		ID: "perm_3BXlwCSKEZnoGEM5xG6mRKEmz0a", Name: "Read ledger", Key: "org:ledger:read", Description: "May read the ledger",
		Type: "custom", CreatedAt: t0 - 10*day, UpdatedAt: t0 - 10*day,
	}
	end := events.Permission{
		ID: "perm_3BIDVta6vOgRgBpWurbHkhU2DjC", Name: "Close ledger", Key: "org:ledger:close", Description: "May close the ledger",
		Type: "custom", CreatedAt: t0 - 10*day, UpdatedAt: t0 - 10*day,
	}
	role := events.Role{
		ID: "role_3BRHgCn5kB2oRx1xLjpFaL52WHw", Name: "Bookkeeper", Key: "org:bookkeeper", Description: "Keeps the ledger",
		IsCreatorEligible: true,
		Permissions: events.List[events.Permission]{
			Items: []events.Permission{read, end}, Raw: member(t, "role.updated", "permissions"),
		},
		CreatedAt: t0 - 9*day, UpdatedAt: t0 - 8*day,
	}
	bare := events.Role{ID: role.ID, Name: role.Name, Key: role.Key, CreatedAt: role.CreatedAt, UpdatedAt: t0 - 7*day}
	return []decoding{
		reads("role.updated", role),
		reads("role.updated.no-permissions", bare),
		reads("role.deleted", events.Role{ID: role.ID}),
		reads("permission.created", read),
		reads("permission.deleted.full-object", end),
		reads("permission.deleted", events.Permission{ID: end.ID}),
	}
}
