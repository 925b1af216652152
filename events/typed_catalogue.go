//nolint:revive // what EventType is stands above the list, once for all fifty
package events

// The types of the catalogue, one struct each. What a .deleted event fills of its data stands at the data's type: often the id only, for a
// membership all of it. EventType is Clerk's name of the type.
type (
	UserCreated                     struct{ Of[User] }
	UserUpdated                     struct{ Of[User] }
	UserDeleted                     struct{ Of[User] }
	OrganizationCreated             struct{ Of[Organization] }
	OrganizationUpdated             struct{ Of[Organization] }
	OrganizationDeleted             struct{ Of[Organization] }
	OrganizationMembershipCreated   struct{ Of[OrganizationMembership] }
	OrganizationMembershipUpdated   struct{ Of[OrganizationMembership] }
	OrganizationMembershipDeleted   struct{ Of[OrganizationMembership] }
	OrganizationInvitationCreated   struct{ Of[OrganizationInvitation] }
	OrganizationInvitationAccepted  struct{ Of[OrganizationInvitation] }
	OrganizationInvitationRevoked   struct{ Of[OrganizationInvitation] }
	OrganizationInvitationExpired   struct{ Of[OrganizationInvitation] }
	OrganizationInvitationDeleted   struct{ Of[OrganizationInvitation] }
	OrganizationDomainCreated       struct{ Of[OrganizationDomain] }
	OrganizationDomainUpdated       struct{ Of[OrganizationDomain] }
	OrganizationDomainDeleted       struct{ Of[OrganizationDomain] }
	RoleCreated                     struct{ Of[Role] }
	RoleUpdated                     struct{ Of[Role] }
	RoleDeleted                     struct{ Of[Role] }
	PermissionCreated               struct{ Of[Permission] }
	PermissionUpdated               struct{ Of[Permission] }
	PermissionDeleted               struct{ Of[Permission] }
	SessionPending                  struct{ Of[Session] }
	SessionCreated                  struct{ Of[Session] }
	SessionEnded                    struct{ Of[Session] }
	SessionRemoved                  struct{ Of[Session] }
	SessionRevoked                  struct{ Of[Session] }
	EmailCreated                    struct{ Of[Email] }
	SMSCreated                      struct{ Of[SMS] }
	WaitlistEntryCreated            struct{ Of[WaitlistEntry] }
	WaitlistEntryUpdated            struct{ Of[WaitlistEntry] }
	WaitlistEntryDeleted            struct{ Of[WaitlistEntry] }
	SubscriptionCreated             struct{ Of[Subscription] }
	SubscriptionUpdated             struct{ Of[Subscription] }
	SubscriptionActive              struct{ Of[Subscription] }
	SubscriptionPastDue             struct{ Of[Subscription] }
	SubscriptionDeleted             struct{ Of[Subscription] }
	SubscriptionItemCreated         struct{ Of[SubscriptionItem] }
	SubscriptionItemUpcoming        struct{ Of[SubscriptionItem] }
	SubscriptionItemIncomplete      struct{ Of[SubscriptionItem] }
	SubscriptionItemUpdated         struct{ Of[SubscriptionItem] }
	SubscriptionItemFreeTrialEnding struct{ Of[SubscriptionItem] }
	SubscriptionItemActive          struct{ Of[SubscriptionItem] }
	SubscriptionItemPastDue         struct{ Of[SubscriptionItem] }
	SubscriptionItemCanceled        struct{ Of[SubscriptionItem] }
	SubscriptionItemEnded           struct{ Of[SubscriptionItem] }
	SubscriptionItemAbandoned       struct{ Of[SubscriptionItem] }
	SubscriptionItemExpired         struct{ Of[SubscriptionItem] }
	SubscriptionItemDeleted         struct{ Of[SubscriptionItem] }
	PaymentAttemptCreated           struct{ Of[PaymentAttempt] }
	PaymentAttemptUpdated           struct{ Of[PaymentAttempt] }
	EnterpriseConnectionCreated     struct{ Of[EnterpriseConnection] }
	EnterpriseConnectionUpdated     struct{ Of[EnterpriseConnection] }
	EnterpriseConnectionDeleted     struct{ Of[EnterpriseConnection] }
	RoleSetUpdated                  struct{ Of[RoleSet] }
	RoleSetDeleted                  struct{ Of[RoleSet] }
	SCIMDirectoryUpdated            struct{ Of[SCIMDirectory] }
	SCIMDirectoryDeleted            struct{ Of[SCIMDirectory] }
)

func (UserCreated) EventType() string                     { return "user.created" }
func (UserUpdated) EventType() string                     { return "user.updated" }
func (UserDeleted) EventType() string                     { return "user.deleted" }
func (OrganizationCreated) EventType() string             { return "organization.created" }
func (OrganizationUpdated) EventType() string             { return "organization.updated" }
func (OrganizationDeleted) EventType() string             { return "organization.deleted" }
func (OrganizationMembershipCreated) EventType() string   { return "organizationMembership.created" }
func (OrganizationMembershipUpdated) EventType() string   { return "organizationMembership.updated" }
func (OrganizationMembershipDeleted) EventType() string   { return "organizationMembership.deleted" }
func (OrganizationInvitationCreated) EventType() string   { return "organizationInvitation.created" }
func (OrganizationInvitationAccepted) EventType() string  { return "organizationInvitation.accepted" }
func (OrganizationInvitationRevoked) EventType() string   { return "organizationInvitation.revoked" }
func (OrganizationInvitationExpired) EventType() string   { return "organizationInvitation.expired" }
func (OrganizationInvitationDeleted) EventType() string   { return "organizationInvitation.deleted" }
func (OrganizationDomainCreated) EventType() string       { return "organizationDomain.created" }
func (OrganizationDomainUpdated) EventType() string       { return "organizationDomain.updated" }
func (OrganizationDomainDeleted) EventType() string       { return "organizationDomain.deleted" }
func (RoleCreated) EventType() string                     { return "role.created" }
func (RoleUpdated) EventType() string                     { return "role.updated" }
func (RoleDeleted) EventType() string                     { return "role.deleted" }
func (PermissionCreated) EventType() string               { return "permission.created" }
func (PermissionUpdated) EventType() string               { return "permission.updated" }
func (PermissionDeleted) EventType() string               { return "permission.deleted" }
func (SessionPending) EventType() string                  { return "session.pending" }
func (SessionCreated) EventType() string                  { return "session.created" }
func (SessionEnded) EventType() string                    { return "session.ended" }
func (SessionRemoved) EventType() string                  { return "session.removed" }
func (SessionRevoked) EventType() string                  { return "session.revoked" }
func (EmailCreated) EventType() string                    { return "email.created" }
func (SMSCreated) EventType() string                      { return "sms.created" }
func (WaitlistEntryCreated) EventType() string            { return "waitlistEntry.created" }
func (WaitlistEntryUpdated) EventType() string            { return "waitlistEntry.updated" }
func (WaitlistEntryDeleted) EventType() string            { return "waitlistEntry.deleted" }
func (SubscriptionCreated) EventType() string             { return "subscription.created" }
func (SubscriptionUpdated) EventType() string             { return "subscription.updated" }
func (SubscriptionActive) EventType() string              { return "subscription.active" }
func (SubscriptionPastDue) EventType() string             { return "subscription.pastDue" }
func (SubscriptionDeleted) EventType() string             { return "subscription.deleted" }
func (SubscriptionItemCreated) EventType() string         { return "subscriptionItem.created" }
func (SubscriptionItemUpcoming) EventType() string        { return "subscriptionItem.upcoming" }
func (SubscriptionItemIncomplete) EventType() string      { return "subscriptionItem.incomplete" }
func (SubscriptionItemUpdated) EventType() string         { return "subscriptionItem.updated" }
func (SubscriptionItemFreeTrialEnding) EventType() string { return "subscriptionItem.freeTrialEnding" }
func (SubscriptionItemActive) EventType() string          { return "subscriptionItem.active" }
func (SubscriptionItemPastDue) EventType() string         { return "subscriptionItem.pastDue" }
func (SubscriptionItemCanceled) EventType() string        { return "subscriptionItem.canceled" }
func (SubscriptionItemEnded) EventType() string           { return "subscriptionItem.ended" }
func (SubscriptionItemAbandoned) EventType() string       { return "subscriptionItem.abandoned" }
func (SubscriptionItemExpired) EventType() string         { return "subscriptionItem.expired" }
func (SubscriptionItemDeleted) EventType() string         { return "subscriptionItem.deleted" }
func (PaymentAttemptCreated) EventType() string           { return "paymentAttempt.created" }
func (PaymentAttemptUpdated) EventType() string           { return "paymentAttempt.updated" }
func (EnterpriseConnectionCreated) EventType() string     { return "enterpriseConnection.created" }
func (EnterpriseConnectionUpdated) EventType() string     { return "enterpriseConnection.updated" }
func (EnterpriseConnectionDeleted) EventType() string     { return "enterpriseConnection.deleted" }
func (RoleSetUpdated) EventType() string                  { return "roleSet.updated" }
func (RoleSetDeleted) EventType() string                  { return "roleSet.deleted" }
func (SCIMDirectoryUpdated) EventType() string            { return "scimDirectory.updated" }
func (SCIMDirectoryDeleted) EventType() string            { return "scimDirectory.deleted" }

// types finds the reader of a type. A test holds it to the ranks: neither knows a type that the other does not.
var types = index(
	as[User, UserCreated](),
	as[User, UserUpdated](),
	as[User, UserDeleted](),
	as[Organization, OrganizationCreated](),
	as[Organization, OrganizationUpdated](),
	as[Organization, OrganizationDeleted](),
	as[OrganizationMembership, OrganizationMembershipCreated](),
	as[OrganizationMembership, OrganizationMembershipUpdated](),
	as[OrganizationMembership, OrganizationMembershipDeleted](),
	as[OrganizationInvitation, OrganizationInvitationCreated](),
	as[OrganizationInvitation, OrganizationInvitationAccepted](),
	as[OrganizationInvitation, OrganizationInvitationRevoked](),
	as[OrganizationInvitation, OrganizationInvitationExpired](),
	as[OrganizationInvitation, OrganizationInvitationDeleted](),
	as[OrganizationDomain, OrganizationDomainCreated](),
	as[OrganizationDomain, OrganizationDomainUpdated](),
	as[OrganizationDomain, OrganizationDomainDeleted](),
	as[Role, RoleCreated](),
	as[Role, RoleUpdated](),
	as[Role, RoleDeleted](),
	as[Permission, PermissionCreated](),
	as[Permission, PermissionUpdated](),
	as[Permission, PermissionDeleted](),
	as[Session, SessionPending](),
	as[Session, SessionCreated](),
	as[Session, SessionEnded](),
	as[Session, SessionRemoved](),
	as[Session, SessionRevoked](),
	as[Email, EmailCreated](),
	as[SMS, SMSCreated](),
	as[WaitlistEntry, WaitlistEntryCreated](),
	as[WaitlistEntry, WaitlistEntryUpdated](),
	as[WaitlistEntry, WaitlistEntryDeleted](),
	as[Subscription, SubscriptionCreated](),
	as[Subscription, SubscriptionUpdated](),
	as[Subscription, SubscriptionActive](),
	as[Subscription, SubscriptionPastDue](),
	as[Subscription, SubscriptionDeleted](),
	as[SubscriptionItem, SubscriptionItemCreated](),
	as[SubscriptionItem, SubscriptionItemUpcoming](),
	as[SubscriptionItem, SubscriptionItemIncomplete](),
	as[SubscriptionItem, SubscriptionItemUpdated](),
	as[SubscriptionItem, SubscriptionItemFreeTrialEnding](),
	as[SubscriptionItem, SubscriptionItemActive](),
	as[SubscriptionItem, SubscriptionItemPastDue](),
	as[SubscriptionItem, SubscriptionItemCanceled](),
	as[SubscriptionItem, SubscriptionItemEnded](),
	as[SubscriptionItem, SubscriptionItemAbandoned](),
	as[SubscriptionItem, SubscriptionItemExpired](),
	as[SubscriptionItem, SubscriptionItemDeleted](),
	as[PaymentAttempt, PaymentAttemptCreated](),
	as[PaymentAttempt, PaymentAttemptUpdated](),
	as[EnterpriseConnection, EnterpriseConnectionCreated](),
	as[EnterpriseConnection, EnterpriseConnectionUpdated](),
	as[EnterpriseConnection, EnterpriseConnectionDeleted](),
	as[RoleSet, RoleSetUpdated](),
	as[RoleSet, RoleSetDeleted](),
	as[SCIMDirectory, SCIMDirectoryUpdated](),
	as[SCIMDirectory, SCIMDirectoryDeleted](),
)

func index(readers ...reader) map[string]func(*Event) (any, error) {
	m := make(map[string]func(*Event) (any, error), len(readers))
	for _, r := range readers {
		m[r.typ] = r.read
	}
	return m
}
