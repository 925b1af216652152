package events

import "strings"

// The objects whose entities have a state of their own.
const (
	ObjectUser                   = "user"
	ObjectOrganization           = "organization"
	ObjectOrganizationMembership = "organizationMembership"
	ObjectOrganizationInvitation = "organizationInvitation"
	ObjectOrganizationDomain     = "organizationDomain"
	ObjectRole                   = "role"
	ObjectPermission             = "permission"
	ObjectSession                = "session"
	ObjectEmail                  = "email"
	ObjectSMS                    = "sms"
	ObjectWaitlistEntry          = "waitlistEntry"
	ObjectSubscription           = "subscription"
	ObjectSubscriptionItem       = "subscriptionItem"
	ObjectPaymentAttempt         = "paymentAttempt"

	// These have no webhook at Clerk: their events come from polling the Backend API.
	ObjectEnterpriseConnection = "enterpriseConnection"
	ObjectRoleSet              = "roleSet"
	ObjectSCIMDirectory        = "scimDirectory"
)

// ranks lists, for every object, the verbs that carry an entity's state and their rank: what wins when both clocks are equal.
// A later station of a life cycle outranks an earlier one, so a session that ended never shows as created again and an invitation never goes
// back to pending. A verb that is not listed is not a known state: it flows through the stream and no state projection reads it.
//
// Source: Clerk's webhook catalogue (clerk/openapi-specs, webhooks/2025-04-15.yml). Beside its 45 types stand subscriptionItem.created, in the
// catalogue until 2026-08-03 and still in the JavaScript types, subscriptionItem.expired, named in Clerk's own guides, and what only the Backend API shows:
// the polled objects, an invitation that expired, and the end of objects whose end has no webhook.
//
// A rank never changes, for it is part of versions that are stored. A verb that joins the list has the rank that it had while it was unlisted.
var ranks = map[string]map[string]int{
	ObjectUser:                   {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectOrganization:           {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectOrganizationMembership: {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectOrganizationInvitation: {"created": 1, "accepted": 2, "revoked": 3, "expired": unlistedRank, "deleted": deletedRank},
	ObjectOrganizationDomain:     {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectRole:                   {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectPermission:             {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectSession:                {"pending": 1, "created": 2, "ended": 3, "removed": 4, "revoked": 5},
	ObjectEmail:                  {"created": 1},
	ObjectSMS:                    {"created": 1},
	ObjectWaitlistEntry:          {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectSubscription:           {"created": 1, "updated": 2, "active": 3, "pastDue": 4, "deleted": deletedRank},
	ObjectSubscriptionItem: {"created": 1, "upcoming": 2, "incomplete": 3, "updated": 4, "freeTrialEnding": 5, "active": 6, "pastDue": 7,
		"canceled": 8, "ended": 9, "abandoned": 10, "expired": 11, "deleted": deletedRank},
	ObjectPaymentAttempt:       {"created": 1, "updated": 2},
	ObjectEnterpriseConnection: {"created": 1, "updated": 2, "deleted": deletedRank},
	ObjectRoleSet:              {"updated": unlistedRank, "deleted": deletedRank},
	ObjectSCIMDirectory:        {"updated": unlistedRank, "deleted": deletedRank},
}

// unlistedRank puts a verb nobody knows between the known ones and a delete, which outranks all.
const (
	unlistedRank = 50
	deletedRank  = 99
)

// verbDeleted marks the end of an entity, for every object.
const verbDeleted = "deleted"

// Rank is the place of a verb among the verbs of its object; the greater wins between equal clocks.
func Rank(object, verb string) int {
	if r, ok := ranks[object][verb]; ok {
		return r
	}
	if verb == verbDeleted {
		return deletedRank
	}
	return unlistedRank
}

// CarriesState reports whether an event of this object and verb holds the entity's whole state (or its end), which is what a state
// projection folds.
func CarriesState(object, verb string) bool {
	_, ok := ranks[object][verb]
	return ok
}

// SplitType cuts an event type into object and verb. It fails on what has not the form object.verb in subject tokens, and
// on an object called unrouted, whose subjects would look like those of events without an entity.
func SplitType(typ string) (object, verb string, ok bool) {
	object, verb, found := strings.Cut(typ, ".")
	if !found || !IsToken(object) || !IsToken(verb) || object == unroutedToken {
		return "", "", false
	}
	return object, verb, true
}
