package clerksim

// SampleTypes lists Clerk's event types, all 45 of the catalogue (clerk/openapi-specs, webhooks/2025-04-15.yml as of 2026-08-14), object by
// object.
func SampleTypes() []string {
	return []string{
		"user.created", "user.updated", "user.deleted",
		"organization.created", "organization.updated", "organization.deleted",
		"organizationMembership.created", "organizationMembership.updated", "organizationMembership.deleted",
		"organizationInvitation.created", "organizationInvitation.accepted", "organizationInvitation.revoked",
		"organizationDomain.created", "organizationDomain.updated", "organizationDomain.deleted",
		"role.created", "role.updated", "role.deleted",
		"permission.created", "permission.updated", "permission.deleted",
		"session.created", "session.pending", "session.ended", "session.removed", "session.revoked",
		"email.created",
		"sms.created",
		"waitlistEntry.created", "waitlistEntry.updated",
		"subscription.created", "subscription.updated", "subscription.active", "subscription.pastDue",
		"subscriptionItem.abandoned", "subscriptionItem.active", "subscriptionItem.canceled", "subscriptionItem.ended",
		"subscriptionItem.freeTrialEnding", "subscriptionItem.incomplete", "subscriptionItem.pastDue", "subscriptionItem.upcoming",
		"subscriptionItem.updated",
		"paymentAttempt.created", "paymentAttempt.updated",
	}
}
