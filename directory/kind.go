package directory

// Kind is a kind of entity, by the name of its read model.
type Kind string

// The kinds, all of which have an updated_at.
const (
	KindUsers                   Kind = "users"
	KindOrganizations           Kind = "organizations"
	KindOrganizationMemberships Kind = "organization_memberships"
	KindOrganizationInvitations Kind = "organization_invitations"
	KindOrganizationDomains     Kind = "organization_domains"
	KindRoles                   Kind = "roles"
	KindPermissions             Kind = "permissions"
	KindSessions                Kind = "sessions"
	KindWaitlistEntries         Kind = "waitlist_entries"
	KindSubscriptions           Kind = "subscriptions"
	KindSubscriptionItems       Kind = "subscription_items"
	KindPaymentAttempts         Kind = "payment_attempts"
	KindEnterpriseConnections   Kind = "enterprise_connections"
)

// known keeps a kind, which becomes part of a statement, to the list above.
func (k Kind) known() bool {
	switch k {
	case KindUsers, KindOrganizations, KindOrganizationMemberships, KindOrganizationInvitations, KindOrganizationDomains, KindRoles, KindPermissions,
		KindSessions, KindWaitlistEntries, KindSubscriptions, KindSubscriptionItems, KindPaymentAttempts, KindEnterpriseConnections:
		return true
	}
	return false
}
