package projections

import (
	"fmt"
	"slices"
)

// All is the built-in projections, one per read model of the public contract, ready for projector.Main or projector.Run.
func All() []Projection {
	return []Projection{
		users(),
		organizations(),
		organizationMemberships(),
		organizationInvitations(),
		organizationDomains(),
		permissions(),
		roles(),
		sessions(),
		waitlistEntries(),
		subscriptions(),
		subscriptionItems(),
		paymentAttempts(),
		enterpriseConnections(),
	}
}

// WithPrivateMetadata adds the private_metadata column to those projections that can have one. It stays empty unless ingest keeps it too.
func WithPrivateMetadata(all []Projection) []Projection {
	out := slices.Clone(all)
	for i, p := range all {
		if s, ok := p.(interface{ withPrivate() Projection }); ok {
			out[i] = s.withPrivate()
		}
	}
	return out
}

// Select picks the projections with the given names and those that their views and policies need, in All's order. No name picks all. An unknown
// name is an error that lists the known ones.
func Select(all []Projection, names []string) ([]Projection, error) {
	if len(names) == 0 {
		return all, nil
	}
	byName := map[string]Projection{}
	var known []string
	for _, p := range all {
		byName[p.Name()] = p
		known = append(known, p.Name())
	}
	wanted := map[string]bool{}
	for pending := slices.Clone(names); len(pending) > 0; pending = pending[1:] {
		p, ok := byName[pending[0]]
		if !ok {
			return nil, fmt.Errorf("unknown read model %q; known are %v", pending[0], known)
		}
		if !wanted[p.Name()] {
			wanted[p.Name()] = true
			pending = append(pending, p.Definition().Needs...)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(p Projection) bool { return !wanted[p.Name()] }), nil
}
