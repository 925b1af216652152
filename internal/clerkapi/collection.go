package clerkapi

// Collection is what can be listed of an instance, named like its read model where there is one.
//
// Sessions and payment attempts are not listed by Clerk (the first only for one user or client), and subscriptions only through their items: read
// SubscriptionItems, and then [Client.Get] "users/{id}/billing/subscription" or "organizations/{id}/billing/subscription" of each payer.
type Collection string

// The collections of the Backend API.
const (
	Users                   Collection = "users"
	Organizations           Collection = "organizations"
	OrganizationMemberships Collection = "organization_memberships"
	OrganizationInvitations Collection = "organization_invitations"
	OrganizationDomains     Collection = "organization_domains"
	Permissions             Collection = "permissions"
	Roles                   Collection = "roles"
	RoleSets                Collection = "role_sets"
	EnterpriseConnections   Collection = "enterprise_connections"
	SCIMDirectories         Collection = "scim_directories"
	WaitlistEntries         Collection = "waitlist_entries"
	SubscriptionItems       Collection = "subscription_items"
)

// listing is how a collection is read.
type listing struct {
	path string
	// order is the parameter order_by, "" where the API has none and its own order has to do.
	order string
	// key is the field that order sorts by.
	key string
	// cursor says that starting_after works. Only users have it.
	cursor bool
	// ask is what makes the list whole: where the API leaves some out, or does not count them, unless it is told to.
	ask []string
}

// listings: everything is walked from the oldest on, so that what is created meanwhile comes at the end.
var listings = map[Collection]listing{
	Users:                   {path: "users", order: "+created_at", key: createdAt, cursor: true},
	Organizations:           {path: "organizations", order: "+created_at", key: createdAt},
	OrganizationMemberships: {path: "organization_memberships", order: "+created_at", key: createdAt},
	OrganizationInvitations: {path: "organization_invitations", order: "+created_at", key: createdAt},
	OrganizationDomains:     {path: "organization_domains", order: "+created_at", key: createdAt},
	Permissions:             {path: "organization_permissions", order: "+created_at", key: createdAt},
	Roles:                   {path: "organization_roles", order: "+created_at", key: createdAt},
	RoleSets:                {path: "role_sets", order: "+created_at", key: createdAt},
	WaitlistEntries:         {path: "waitlist_entries", order: "+created_at", key: createdAt},
	EnterpriseConnections:   {path: "enterprise_connections"},
	SCIMDirectories:         {path: "scim_directories"},
	SubscriptionItems:       {path: "billing/subscription_items", ask: []string{"paginated", "include_free"}},
}

const (
	createdAt = "created_at"
	updatedAt = "updated_at"
)

// Collections are all there are, in an order in which what is named by another comes first.
func Collections() []Collection {
	return []Collection{
		Permissions, Roles, RoleSets, Users, Organizations, OrganizationDomains, OrganizationMemberships, OrganizationInvitations,
		EnterpriseConnections, SCIMDirectories, WaitlistEntries, SubscriptionItems,
	}
}
