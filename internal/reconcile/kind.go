package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/clerkapi"
	"github.com/clerkstream/clerkstream/projections"
)

// ErrUnknownKind names a kind that the Backend API cannot list, or not in the way that was asked for.
var ErrUnknownKind = errors.New("unknown kind")

// kind is one kind of object that the API lists.
type kind struct {
	// name is that of its read model, or, where it has none, of its collection.
	name, object string
	collection   clerkapi.Collection
	// verb is what the event of an object says has happened; not ok where no event tells such a state. It is never "created": whoever greets new users must
	// not greet those whom a backfill finds.
	verb func(data []byte) (verb string, ok bool)
	// expand, if any, makes the page of what is meant of a page of the collection.
	expand func(ctx context.Context, api *clerkapi.Client, p clerkapi.Page) (clerkapi.Page, error)
	// whole is a field without which the API shows less than a webhook told: such an object makes a missing row, and never replaces one.
	whole string
	// single asks for one object by itself; nil where the API has no way to.
	single func(ctx context.Context, api *clerkapi.Client, c candidate) (clerkapi.Object, error)
	// parents are the columns that single needs beside the id, as two expressions of the row t: organization, user.
	parents string
	// public and private are the projection without and with private metadata; nil without a read model.
	public, private projections.Comparer
}

// deletable says whether an event ends one.
func (k *kind) deletable() bool { return events.CarriesState(k.object, "deleted") }

// kinds lists them, owners before what hangs on them: what a deleted organization hides need not be confirmed one by one.
func kinds() []*kind {
	all := []*kind{
		{name: "permissions", object: events.ObjectPermission, collection: clerkapi.Permissions, verb: updated, single: byPath("organization_permissions/")},
		{name: "roles", object: events.ObjectRole, collection: clerkapi.Roles, verb: updated, single: byPath("organization_roles/")},
		{name: "users", object: events.ObjectUser, collection: clerkapi.Users, verb: updated, single: byPath("users/")},
		{name: "organizations", object: events.ObjectOrganization, collection: clerkapi.Organizations, verb: updated, single: byPath("organizations/")},
		{
			name: "organization_memberships", object: events.ObjectOrganizationMembership, collection: clerkapi.OrganizationMemberships, verb: updated,
			single: membership, parents: `coalesce(t.organization_id, ''), coalesce(t.user_id, '')`,
		},
		{
			name: "organization_invitations", object: events.ObjectOrganizationInvitation, collection: clerkapi.OrganizationInvitations, verb: byStatus,
			single: invitation, parents: `coalesce(t.organization_id, ''), ''`,
		},
		{name: "organization_domains", object: events.ObjectOrganizationDomain, collection: clerkapi.OrganizationDomains, verb: updated},
		{name: "waitlist_entries", object: events.ObjectWaitlistEntry, collection: clerkapi.WaitlistEntries, verb: updated},
		{
			name: "enterprise_connections", object: events.ObjectEnterpriseConnection, collection: clerkapi.EnterpriseConnections, verb: updated,
			single: byPath("enterprise_connections/"),
		},
		{
			name: "subscriptions", object: events.ObjectSubscription, collection: clerkapi.SubscriptionItems, verb: updated, expand: subscriptionsOf,
			whole: "payer",
		},
		{name: "subscription_items", object: events.ObjectSubscriptionItem, collection: clerkapi.SubscriptionItems, verb: updated, whole: "subscription_id"},
		{name: "role_sets", object: events.ObjectRoleSet, collection: clerkapi.RoleSets, verb: updated},
		{name: "scim_directories", object: events.ObjectSCIMDirectory, collection: clerkapi.SCIMDirectories, verb: updated},
	}
	public, private := projections.All(), projections.WithPrivateMetadata(projections.All())
	for _, k := range all {
		k.public, k.private = comparerNamed(public, k.name), comparerNamed(private, k.name)
	}
	return all
}

func comparerNamed(all []projections.Projection, name string) projections.Comparer {
	for _, p := range all {
		if c, ok := p.(projections.Comparer); ok && p.Name() == name {
			return c
		}
	}
	return nil
}

// Kinds lists the names of what can be walked. Sessions and payment attempts are not among them: the API lists neither for a whole instance.
func Kinds() []string { return names(kinds()) }

func names(of []*kind) []string {
	list := make([]string, len(of))
	for i, k := range of {
		list[i] = k.name
	}
	return list
}

// choose picks the named kinds in the order of kinds; no name picks all.
func choose(wanted []string) ([]*kind, error) {
	all := kinds()
	for _, name := range wanted {
		if !slices.Contains(names(all), name) {
			return nil, fmt.Errorf("%w %q; known are %v", ErrUnknownKind, name, names(all))
		}
	}
	if len(wanted) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(k *kind) bool { return !slices.Contains(wanted, k.name) }), nil
}

func updated([]byte) (string, bool) { return "updated", true }

// byStatus is for invitations, whose events are named by what they have become.
func byStatus(data []byte) (string, bool) {
	var of struct {
		Status string `json:"status"`
	}
	if json.Unmarshal(data, &of) != nil {
		return "created", true // the projection says what is wrong with it
	}
	switch of.Status {
	case "accepted", "revoked", "expired":
		return of.Status, events.CarriesState(events.ObjectOrganizationInvitation, of.Status)
	}
	return "created", true
}

func byPath(prefix string) func(context.Context, *clerkapi.Client, candidate) (clerkapi.Object, error) {
	return func(ctx context.Context, api *clerkapi.Client, c candidate) (clerkapi.Object, error) {
		return api.Get(ctx, prefix+c.id)
	}
}

func membership(ctx context.Context, api *clerkapi.Client, c candidate) (clerkapi.Object, error) {
	return api.Membership(ctx, c.organization, c.user)
}

func invitation(ctx context.Context, api *clerkapi.Client, c candidate) (clerkapi.Object, error) {
	return api.Get(ctx, "organizations/"+c.organization+"/invitations/"+c.id)
}
